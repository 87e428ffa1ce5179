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
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import joblib
import nbformat

from mnistlib import base, plan
from mnistlib.base import DataError, UserError, expanded, expect_writable, pick, write_bytes
from mnistlib.claims import family_words, judge
from mnistlib.comparison import by_row
from mnistlib.config import MODELS, TITLES
from mnistlib.dataset import load
from mnistlib.report import book
from mnistlib.runs import load_all

MARK = ".mnistlib-report"  # lies in folders that a report wrote and may empty again
WIDGET = "application/vnd.jupyter.widget-view+json"
START, END = "<!-- results: written by make notebooks -->", "<!-- end of results -->"
# papermill, until standard input ends; a kernel ends by itself when its papermill has gone
PAPERMILL = """import os, sys, threading
from papermill.__main__ import papermill
threading.Thread(target=lambda: os._exit(len(sys.stdin.read()) + 1), daemon=True).start()
papermill(["-k", "python3", "-l", "python", "--no-progress-bar", *sys.argv[1:]])"""


class Page(NamedTuple):
    """One page: a notebook, run with some parameters; one with `runs_dir` waits for all others."""

    notebook: str  # its name without the ending
    label: str  # for links
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
    Page("03_compare", "The comparison"),
    Page("04_regularization", "Regularization"),
    Page("05_report", "The report", {"runs_dir": "runs"}),
)


class Job(NamedTuple):
    """One notebook to execute: `source`, to `target`, which is whole when it is there."""

    label: str  # for the lines of progress
    source: Path
    target: Path
    folder: Path  # where its kernel works
    parameters: Mapping[str, object] = {}  # what papermill puts in


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
    out = expanded(out).resolve()
    environment = _environment(data_dir)
    digits = load(environment.get("MNIST_DIR")).fingerprint  # downloaded before the first page
    _begin(out, _made_from(notebooks, f"{digits} {pages}"))
    first, last = [], []
    for i, page in enumerate(pages, 1):
        source, target = notebooks / f"{page.notebook}.ipynb", out / f"{page.slug}.ipynb"
        given = {**page.parameters, "out_dir": "."}
        job = Job(f"[{i}/{len(pages)}] {page.slug}", source, target, out, given)
        if not target.exists():
            (last if "runs_dir" in given else first).append(job)
    # backwards, since the regularized network takes longest
    stories = run(first[::-1], environment) or run(last, environment)
    index = book.write(out, pages)
    if stories:
        raise UserError("; ".join(stories))
    write_bytes(out / MARK, b"")  # nothing to go on with: the next one starts anew
    print(f"open {index}")


def _environment(data_dir: str | Path | None) -> dict[str, str]:
    """The digits' folder as a whole path, since kernels work in other folders."""
    given = data_dir or os.environ.get("MNIST_DIR")
    return {"MNIST_DIR": str(expanded(given).resolve())} if given else {}


def _made_from(notebooks: Path, values: str) -> bytes:
    """sha256 over settings, and path, size and time of change of code, notebooks and records."""
    code, kept = Path(__file__).parents[1].rglob("*.py"), base.RUNS.parent.rglob("*.json")
    files = [(str(path), path.stat()) for path in (*code, *kept, *notebooks.glob("*.ipynb"))]
    states = sorted((name, about.st_size, about.st_mtime_ns) for name, about in files)
    return sha256(json.dumps([values, states]).encode()).hexdigest().encode()


def _begin(out: Path, made_from: bytes) -> None:
    """Make the folder, or empty it, unless an unfinished report of the same lies there."""
    mark = expect_writable(out) / MARK
    if out.exists() and any(out.iterdir()) and not mark.exists():
        found = "found files that no report wrote, expected an empty folder"
        raise UserError(f"{out}: {found}; give another")
    if not mark.exists() or mark.read_bytes() != made_from:
        write_bytes(mark, b"")  # what is half emptied is nothing to go on with
        for entry in set(out.iterdir()) - {mark}:
            remove = shutil.rmtree if entry.is_dir() else Path.unlink
            remove(entry)
        write_bytes(mark, made_from)


def run(jobs: Sequence[Job], environment: dict[str, str]) -> list[str]:
    """Execute notebooks in this order, as many at a time as this process may use cores.

    However this process ends, those that run end with it. `environment` is for the kernels.

    Returns:
        A line for each notebook that stopped: its name, the cell and the error.
    """
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    watched, ours = os.pipe()  # nothing is ever written: its end is what all processes wait for

    def work(job: Job) -> str:
        print(f"{job.label} …\n", end="", flush=True)  # in one piece: threads share the line
        began = time.monotonic()
        story = execute(job, variables, watched)
        told = story or f"done in {time.monotonic() - began:.0f} s"
        print(f"{job.label} {told}\n", end="", flush=True)
        return story

    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        try:
            return [story for story in pool.map(work, jobs) if story]
        finally:
            os.close(ours)
            os.close(watched)


def execute(job: Job, variables: Mapping[str, str], watched: int) -> str:
    """Execute one notebook; returns "", or for one that stopped why, and keeps it by the target."""
    unfinished = job.target.with_suffix(".stopped.ipynb")
    # papermill replaces what stands in braces
    paths = [re.sub(r"([{}])", r"\1\1", str(path)) for path in (job.source, unfinished)]
    given = [*paths, "-y", json.dumps(job.parameters)]
    command = [sys.executable, "-W", "ignore", "-c", PAPERMILL, *given]
    options = {"cwd": job.folder, "env": variables, "stdin": watched}
    ended = subprocess.run(command, **options, check=False, capture_output=True, text=True)  # noqa: S603
    if ended.returncode:
        last = ended.stderr.strip().rpartition("\n")[2]
        return f"{job.source.name} {_story(unfinished) or last} (up to there: {unfinished})"
    nbformat.write(cleaned(nbformat.read(unfinished, as_version=4)), unfinished)
    unfinished.replace(job.target)
    return ""


def _story(executed: Path) -> str:
    """Which cell of a notebook raised what, in one line; "" where none did."""
    cells = nbformat.read(executed, as_version=4).cells if executed.exists() else []
    code = [cell for cell in cells if cell.cell_type == "code"]
    own = [cell for cell in code if "injected-parameters" not in cell.metadata.get("tags", [])]
    for number, cell in enumerate(own, 1):
        for output in cell.outputs:
            if output.output_type == "error":
                reason = " ".join(output.evalue.split()) or "no message"
                return f"stopped in code cell {number} of {len(own)}: {output.ename}: {reason}"
    return ""


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
    there = sorted(path.stem for path in folder.glob("*.ipynb"))
    names = [pick("notebook", name, there) for name in names] or there
    if (found := load().name) != "MNIST":
        raise DataError(f"found {found}, expected MNIST; set MNIST_DIR to the folder with it")
    with TemporaryDirectory() as scratch:
        files = [(folder / f"{name}.ipynb", Path(scratch) / f"{name}.ipynb") for name in names]
        jobs = [Job(source.stem, source, target, folder) for source, target in files]
        if stories := run(jobs, _environment(None)):
            raise UserError("; ".join(stories))
        for source, target in files:
            book.save_figures(nbformat.read(target, as_version=4), base.FIGURES)
            write_bytes(source, target.read_bytes())
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
