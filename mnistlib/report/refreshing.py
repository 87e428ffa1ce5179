"""The notebooks in git: executed on MNIST in place, without a machine's traces."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import nbformat

from mnistlib.base import FIGURES, NOTEBOOKS, DataError, UserError, write_bytes
from mnistlib.report.figures import figures
from mnistlib.report.progress import progress
from mnistlib.report.readme import update

WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def refresh(
    names: Sequence[str] = (),
    folder: Path = NOTEBOOKS,
    save_to: Path = FIGURES,
    say: Callable[[str], None] = print,
) -> None:
    """Execute notebooks with their default parameters; write them, their figures, the README.

    Args:
        names: such as "05_report"; all notebooks if there are none.
        folder: where the notebooks are.
        save_to: the folder for their figures.
        say: gets each line of progress.

    Raises:
        DataError: the digits found here are not MNIST.
        UserError: there is no such notebook, or a cell failed; that notebook stays as it was.
    """
    paths = [folder / f"{name}.ipynb" for name in names] or sorted(folder.glob("*.ipynb"))
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: there is no such notebook")
    _expect_mnist()
    for path in paths:
        with progress(path.stem, say):
            notebook = run(path)
        for name, png in figures(notebook):
            write_bytes(save_to / name, png)
        write_bytes(path, nbformat.writes(notebook).encode() + b"\n")
    update()


def _expect_mnist() -> None:
    from mnistlib.dataset import load

    data = load()
    if data.name != "MNIST":
        raise DataError(f"found {data.name}, expected MNIST; set MNIST_DIR to the folder with it")


def run(path: Path) -> nbformat.NotebookNode:
    """A notebook executed where it is, cleaned; the file itself is left alone.

    Raises:
        UserError: a cell failed; names notebook and error.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=None, kernel_name="python3", resources=place)
    client.extra_arguments = ["--log-level=ERROR"]
    try:
        client.execute()
    except (CellExecutionError, DeadKernelError) as error:
        reason = getattr(error, "evalue", "the kernel died")
        raise UserError(f"{path.name}: {type(error).__name__}: {reason}") from None
    return clean(notebook)


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what differs from machine to machine, and note which sources were executed."""
    kept = dict(notebook.metadata.get("mnistlib", {}))
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": KERNEL,
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
            "mnistlib": {**kept, "sources": source_hash(notebook)},
        }
    )
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [
                output for output in cell.outputs if WIDGET not in output.get("data", {})
            ]
    return notebook


def source_hash(notebook: nbformat.NotebookNode) -> str:
    """sha256 over the sources of all code cells: it differs where outputs may be out of date."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return sha256("\0".join(sources).encode()).hexdigest()
