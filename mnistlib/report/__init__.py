"""The whole report: notebooks executed side by side, each a page of a book that opens offline."""

import os
import re
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import nbformat

from mnistlib import base, plan
from mnistlib.base import DataError, UserError, expanded, expect_writable, write_bytes
from mnistlib.claims import family_words, longer_words, techniques
from mnistlib.config import TITLES
from mnistlib.dataset import load
from mnistlib.execution import Page, run
from mnistlib.report import book
from mnistlib.runs import load_all

MARK = ".mnistlib-report"  # lies in folders that a report wrote and may empty again
START, END = "<!-- results: written by make notebooks -->", "<!-- end of results -->"

PAGES = (
    Page("01_data", "The digits"),
    Page("02_train", f"Training: {TITLES['lenet5']}", {"model": "lenet5"}),
    Page("02_train", f"Training: {TITLES['mlp']}", {"model": "mlp"}, "_mlp"),
    Page("02_train", f"Training: {TITLES['lenet5_reg']}", {"model": "lenet5_reg"}, "_reg"),
    Page("03_compare", "The comparison, on MNIST"),
    Page("04_regularization", "Regularization, on MNIST"),
    Page("05_report", "The report", {"runs_dir": "runs"}),
    Page("06_beyond", "Beyond the test digits"),
    Page("07_lenet1998", TITLES["lenet5_1998"]),
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

    UserError where the folder is someone else's, or a notebook failed: says which cell, and why.
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
    """For kernels, which work in other folders: a whole path to the digits, and one thread."""
    given = data_dir or os.environ.get("MNIST_DIR")
    digits = {"MNIST_DIR": str(expanded(given).resolve())} if given else {}
    return {"OMP_NUM_THREADS": "1", **digits}


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


def refresh(names: Sequence[str] = ()) -> None:
    """Execute notebooks, such as "05_report", or all; write them, their figures and the README.
    UserError where the digits are not MNIST, or a cell failed; then all stay as they were."""
    folder = base.NOTEBOOKS
    if (found := load().name) != "MNIST":
        raise DataError(f"found {found}, expected MNIST; set MNIST_DIR to the folder with it")
    names = names or sorted(path.stem for path in folder.glob("*.ipynb"))
    out = base.OUT / "refreshed"  # which keeps what a stopped notebook has come to
    out.mkdir(parents=True, exist_ok=True)
    if stories := run([Page(name) for name in names], folder, out, folder, _variables(None)):
        raise UserError("; ".join(stories))
    for path in (out / f"{name}.ipynb" for name in names):
        book.save_figures(nbformat.read(path, as_version=4), base.FIGURES)
        write_bytes(folder / path.name, path.read_bytes())
    path = base.ROOT / "README.md"
    write_bytes(path, readme(path.read_text(encoding="utf-8")).encode())


def readme(text: str) -> str:
    """README.md with what stands between its marks written anew from the records in git."""
    runs = load_all(base.RUNS, strict=True)
    study = plan.judge(runs)
    words = family_words("Added to LeNet-5 alone", techniques(study[plan.ADDED]))
    table = book.headline_table(plan.counted(runs))
    words = f"{words} {longer_words(study)} {plan.standing(runs)}"
    results = f"{START}\n{table}\n\n{words}\n{END}"
    return re.sub(f"{START}.*{END}", lambda _: results, text, flags=re.S)
