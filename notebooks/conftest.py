"""pytest --nbval on these notebooks: what is compared depends on which digits there are.

A notebook whose metadata say `"mnistlib": {"outputs_from": "runs"}` reads only committed runs, and
its outputs are always compared. All others read digits: where MNIST is missing, their cells still
run and their assertions still hold, but outputs of other digits cannot match.
"""

import os
from functools import cache
from pathlib import Path

os.environ["MNIST_OFFLINE"] = "1"  # kernels inherit it: no test touches the network
if given := os.environ.get("MNIST_DIR"):  # they work in the notebooks' folder
    os.environ["MNIST_DIR"] = str(Path(given).expanduser().absolute())


@cache
def digits() -> str:
    """The name of the data set that a notebook would find here."""
    from mnistlib.dataset import load

    return load().name


def pytest_collection_modifyitems(items):
    for item in items:
        notebook = getattr(item.parent, "nb", None)
        if notebook is not None and outputs_from(notebook) != "runs" and digits() != "MNIST":
            item.options["check"] = False


def outputs_from(notebook) -> str:
    return notebook.metadata.get("mnistlib", {}).get("outputs_from", "MNIST")


def pytest_terminal_summary(terminalreporter, config):
    if config.option.nbval and digits() != "MNIST":
        terminalreporter.section("notebooks without MNIST")
        told = "outputs of notebooks that read digits were not compared"
        terminalreporter.line(f"digits found: {digits()}; {told}")
