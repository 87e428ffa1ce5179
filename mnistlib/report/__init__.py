"""The whole report: notebooks executed side by side, each a page of a book that opens offline."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import joblib
import nbformat

from mnistlib import base, plan
from mnistlib.base import DataError, UserError, expanded, expect_writable, write_bytes
from mnistlib.claims import family_words, judge
from mnistlib.comparison import by_row
from mnistlib.config import MODELS, TITLES
from mnistlib.dataset import load
from mnistlib.report import book
from mnistlib.runs import load_all

# papermill, until standard input ends; a kernel ends by itself when its papermill has gone
PAPERMILL = """import json, os, sys, threading
from papermill import execute_notebook
from papermill.exceptions import PapermillExecutionError as Stopped
threading.Thread(target=lambda: os._exit(len(sys.stdin.read()) + 1), daemon=True).start()
how = {"kernel_name": "python3", "language": "python", "progress_bar": False}
try:
    execute_notebook(*map(json.loads, sys.argv[1:]), **how)
except Stopped as error:
    sys.exit(f"in cell [{error.exec_count}]: {error.ename}: {' '.join(error.evalue.split())}")"""
MARK = ".mnistlib-report"  # lies in folders that a report wrote and may empty again
WIDGET = "application/vnd.jupyter.widget-view+json"
START, END = "<!-- results: written by make notebooks -->", "<!-- end of results -->"


class Page(NamedTuple):
    """One page: a notebook, run with some parameters; one with `runs_dir` waits for all others."""

    notebook: str  # its name without the ending
    label: str = ""  # for links
    parameters: Mapping[str, object] = {}
    variant: str = ""  # of pages of one notebook, ends the names of all but the first

    @property
    def slug(self) -> str:
        """The name of the page's files."""
        return self.notebook + self.variant


PAGES = (
    Page("01_data", "The digits"),
    Page("02_train", f"Training: {TITLES['lenet5']}", {"model": "lenet5"}),
    Page("02_train", f"Training: {TITLES['mlp']}", {"model": "mlp"}, "_mlp"),
    Page("02_train", f"Training: {TITLES['lenet5_reg']}", {"model": "lenet5_reg"}, "_reg"),
    Page("03_compare", "The comparison, on MNIST"),
    Page("04_regularization", "Regularization, on MNIST"),
    Page("05_report", "The report", {"runs_dir": "runs"}),
)


def build(
    out: str | Path = base.OUT / "report",
    data_dir: str | Path | None = None,
    pages: Sequence[Page] = PAGES,
    notebooks: Path = base.NOTEBOOKS,
) -> None:
    """Execute the notebooks and write the report, whose first page is index.html.

    When a page fails, those that are finished stay. A report that was stopped, in whatever way,
    goes on with the pages that are missing, unless anything that it is made from has changed.

    Args:
        out: a folder; a report in it that is finished, or made from something else, is replaced.
        data_dir: where the digits are; None looks where `load` looks.
        pages: what to build, in order, from `notebooks`.

    Raises:
        UserError: the folder is someone else's, or a notebook failed: says which cell, and why.
    """
    out = expect_writable(expanded(out).resolve())
    variables = _variables(data_dir)
    digits = load(variables.get("MNIST_DIR")).fingerprint  # downloaded before the first page
    _begin(out, _made_from(notebooks, f"{digits} {pages}"))
    pages = [page._replace(parameters={**page.parameters, "out_dir": "."}) for page in pages]
    missing = [page for page in pages if not (out / f"{page.slug}.ipynb").exists()]
    print(f"{len(pages)} pages, {len(missing)} to make")
    last = [page for page in missing if "runs_dir" in page.parameters]
    # backwards, since the regularized network takes longest
    first = [page for page in reversed(missing) if page not in last]
    places = notebooks, out, out
    stories = run(first, *places, variables) or run(last, *places, variables)
    index = book.write(out, pages)
    if stories:
        raise UserError("; ".join(stories))
    write_bytes(out / MARK, b"")  # nothing to go on with: the next one starts anew
    print(f"open {index}")


def _variables(data_dir: str | Path | None) -> dict[str, str]:
    """The environment of kernels, which work in other folders: a whole path to the digits."""
    given = data_dir or os.environ.get("MNIST_DIR")
    digits = {"MNIST_DIR": str(expanded(given).resolve())} if given else {}
    return {**os.environ, "OMP_NUM_THREADS": "1", **digits}


def _made_from(notebooks: Path, settings: str) -> bytes:
    """sha256 over settings, and path, size and time of change of code, notebooks and records."""
    code, kept = Path(__file__).parents[1].rglob("*.py"), base.RUNS.parent.rglob("*.json")
    files = [(str(path), path.stat()) for path in (*code, *kept, *notebooks.glob("*.ipynb"))]
    states = sorted((name, about.st_size, about.st_mtime_ns) for name, about in files)
    return sha256(repr([settings, states]).encode()).hexdigest().encode()


def _begin(out: Path, made_from: bytes) -> None:
    """Make the folder, or empty it, unless an unfinished report of the same lies there."""
    mark = out / MARK
    if out.exists() and any(out.iterdir()) and not mark.exists():
        found = "found files that no report wrote, expected an empty folder"
        raise UserError(f"{out}: {found}; give another")
    if not mark.exists() or mark.read_bytes() != made_from:
        write_bytes(mark, b"")  # what is half emptied is nothing to go on with
        for entry in set(out.iterdir()) - {mark}:
            remove = shutil.rmtree if entry.is_dir() else Path.unlink
            remove(entry)
        write_bytes(mark, made_from)


def run(
    pages: Sequence[Page], notebooks: Path, out: Path, folder: Path, variables: Mapping[str, str]
) -> list[str]:
    """Execute notebooks in this order, as many at a time as this process may use cores.

    However this process ends, those that run end with it. Kernels work in `folder`, with these
    environment variables.

    Returns:
        A line for each notebook that stopped: its name, the error and the cell.
    """
    watched, ours = os.pipe()  # nothing is ever written: its end is what all processes wait for
    options = {"cwd": folder, "env": variables, "stdin": watched}
    work = partial(_execute, notebooks, out, options)
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        try:
            return [story for story in pool.map(work, pages) if story]
        finally:
            os.close(ours)
            os.close(watched)


def _execute(notebooks: Path, out: Path, options: Mapping[str, object], page: Page) -> str:
    """Execute a page's notebook; returns "", or for one that stopped why, and keeps it."""
    print(f"{page.slug} …\n", end="", flush=True)  # in one piece: threads share the line
    began = time.monotonic()
    source, target = notebooks / f"{page.notebook}.ipynb", out / f"{page.slug}.ipynb"
    unfinished = target.with_suffix(".stopped.ipynb")
    # papermill replaces what stands in braces
    paths = [re.sub(r"([{}])", r"\1\1", str(path)) for path in (source, unfinished)]
    given = map(json.dumps, (*paths, page.parameters))
    call = [sys.executable, "-W", "ignore", "-c", PAPERMILL, *given]
    ended = subprocess.run(call, **options, check=False, capture_output=True, text=True)  # noqa: S603
    if ended.returncode:
        reason = ended.stderr.strip().rpartition("\n")[2]
        story = f"{source.name} stopped {reason} (up to there: {unfinished})"
    else:
        nbformat.write(cleaned(nbformat.read(unfinished, as_version=4)), unfinished)
        unfinished.replace(target)
        story = ""
    told = story or f"done in {time.monotonic() - began:.0f} s"
    print(f"{page.slug} {told}\n", end="", flush=True)
    return story


def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what differs from run to run, and note which sources were executed."""
    ours = {**notebook.metadata.get("mnistlib", {}), "sources": source_hash(notebook)}
    language = notebook.metadata.get("language_info", {})
    kept = {"kernelspec": book.KERNEL, "language_info": language, "mnistlib": ours}
    notebook.metadata = nbformat.from_dict(kept)
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if WIDGET not in out.get("data", {})]
    return notebook


def source_hash(notebook: nbformat.NotebookNode) -> str:
    """sha256 over the sources of all code cells: it differs where outputs may be out of date."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return sha256("\0".join(sources).encode()).hexdigest()


def refresh(names: Sequence[str] = ()) -> None:
    """Execute notebooks, such as "05_report", or all; write them, their figures and the README.

    Raises:
        DataError: the digits found here are not MNIST.
        UserError: there is no such notebook, or a cell failed; then all stay as they were.
    """
    folder = base.NOTEBOOKS
    if (found := load().name) != "MNIST":
        raise DataError(f"found {found}, expected MNIST; set MNIST_DIR to the folder with it")
    names = names or sorted(path.stem for path in folder.glob("*.ipynb"))
    with TemporaryDirectory() as scratch:
        out = Path(scratch)
        if stories := run([Page(name) for name in names], folder, out, folder, _variables(None)):
            raise UserError("; ".join(stories))
        for path in out.glob("*.ipynb"):
            book.save_figures(nbformat.read(path, as_version=4), base.FIGURES)
            write_bytes(folder / path.name, path.read_bytes())
    path = base.ROOT / "README.md"
    write_bytes(path, readme(path.read_text(encoding="utf-8")).encode())


def readme(text: str) -> str:
    """README.md with what stands between its marks written anew from the records in git."""
    runs = load_all(base.RUNS, strict=True)
    study = judge(by_row(runs, needed=MODELS))
    alone = family_words("Added to LeNet-5 alone", study.added)
    again = load_all(plan.CONFIRMATION_FOLDER, strict=True)
    second = plan.words(plan.confirm(again))
    table = book.headline_table(runs)
    results = f"{START}\n{table}\n\n{alone} {second}\n{END}"
    return re.sub(f"{START}.*{END}", lambda _: results, text, flags=re.S)
