"""The whole report: notebooks executed side by side, each a page of a book that opens offline."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import numpy as np

from mnistlib import base, plan
from mnistlib.base import DataError, UserError, expanded, expect_writable, pick, write_bytes
from mnistlib.claims import family_words, judge
from mnistlib.comparison import by_row, headline, label, readable
from mnistlib.config import TITLES
from mnistlib.dataset import load
from mnistlib.report import book
from mnistlib.report.running import Job, run
from mnistlib.runs import load_all

MARK = ".mnistlib-report"  # lies in folders that a report wrote and may empty again
START, END = "<!-- results: written by make notebooks -->", "<!-- end of results -->"


@dataclass(frozen=True)
class Page:
    """One page: a notebook, run with some parameters; one with `runs_dir` waits for all others."""

    notebook: str  # its name without the ending
    label: str  # for links
    parameters: dict[str, object] = field(default_factory=dict)
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


def build(
    out: str | Path = base.OUT / "report",
    data_dir: str | Path | None = None,
    pages: Sequence[Page] = PAGES,
    notebooks: Path = base.NOTEBOOKS,
    say: Callable[[str], None] = print,
) -> None:
    """Execute the notebooks and write the report, whose first page is index.html.

    When a page fails, those that are finished stay. A report that was stopped, in whatever way,
    goes on with the pages that are missing, unless anything that it is made from has changed.

    Args:
        out: a folder; a report in it that is finished, or made from something else, is replaced.
        data_dir: where the digits are; None looks where `load` looks.
        pages: what to build, in order, from `notebooks`.
        say: gets each line of progress.

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
        if target.exists():
            say(f"{job.label} is there")
        else:
            (last if "runs_dir" in given else first).append(job)
    # backwards, since the regularized network takes longest
    stories = run(first[::-1], environment, say) or run(last, environment, say)
    index = book.write(out, pages)
    if stories:
        raise UserError("; ".join(stories))
    write_bytes(out / MARK, b"")  # nothing to go on with: the next one starts anew
    say(f"open {index}")


def _environment(data_dir: str | Path | None) -> dict[str, str]:
    """The digits' folder as a whole path, since kernels work in other folders."""
    given = data_dir or os.environ.get("MNIST_DIR")
    return {"MNIST_DIR": str(expanded(given).resolve())} if given else {}


def _made_from(notebooks: Path, values: str) -> bytes:
    """sha256 over settings, and path, size and time of change of code, notebooks and records."""
    code, kept = Path(__file__).parents[1].rglob("*.py"), base.RUNS.parent.rglob("*.json")
    files = [(str(path), path.stat()) for path in (*code, *kept, *notebooks.glob("*.ipynb"))]
    states = sorted((name, about.st_size, about.st_mtime_ns) for name, about in files)
    return sha256(json.dumps([sys.version, values, states]).encode()).hexdigest().encode()


def _begin(out: Path, made_from: bytes) -> None:
    """Make the folder, or empty it, unless an unfinished report of the same lies there."""
    mark = expect_writable(out) / MARK
    if out.exists() and any(out.iterdir()) and not mark.exists():
        found = "found files that no report wrote, expected an empty folder"
        raise UserError(f"{out}: {found}; give another")
    if not mark.exists() or mark.read_bytes() != made_from:
        write_bytes(mark, b"")  # what is half emptied is nothing to go on with
        for entry in set(out.iterdir()) - {mark}:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        write_bytes(mark, made_from)


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
        if stories := run(jobs, _environment(None), print):
            raise UserError("; ".join(stories))
        for source, target in files:
            book.save_figures(nbformat.read(target, as_version=4), base.FIGURES)
            write_bytes(source, target.read_bytes())
    path = base.ROOT / "README.md"
    write_bytes(path, readme(path.read_text(encoding="utf-8")).encode())


def readme(text: str) -> str:
    """README.md with what stands between its marks written anew from the records in git."""
    runs = load_all(base.RUNS, strict=True)
    study = judge(by_row(runs, needed=TITLES), np.random.default_rng(0))
    alone = family_words("Added to LeNet-5 alone", study.added.iloc[1:].rename(index=label))
    again = load_all(plan.CONFIRMATION_FOLDER, strict=True)
    second = plan.words(plan.confirm(again, np.random.default_rng(0)))
    table = book.markdown_table(readable(headline(runs)).reset_index())
    results = f"{START}\n{table}\n\n{alone} {second}\n{END}"
    return re.sub(f"{START}.*{END}", lambda _: results, text, flags=re.S)
