"""The whole report: notebooks executed side by side, each a page of a book that opens offline."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from mnistlib import base, plan
from mnistlib.base import DataError, UserError, expanded, expect_writable, write_bytes
from mnistlib.claims import family_words, judge
from mnistlib.comparison import by_row, headline, readable
from mnistlib.config import TITLES
from mnistlib.dataset import load
from mnistlib.report import book
from mnistlib.report.running import Job, NotebookError, run
from mnistlib.runs import load_all

MARK = ".mnistlib-report"  # lies in folders that a report wrote and may empty again
# as JupyterLab writes it: another one makes a notebook look changed when it is opened
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
START, END = "<!-- results: written by make notebooks -->", "<!-- end of results -->"


@dataclass(frozen=True)
class Page:
    """One page: a notebook, run with some parameters.

    Attributes:
        notebook: the notebook's name without its ending.
        label: a short name for links.
        parameters: beside the folders, which each build sets.
        variant: what tells pages of one notebook apart.
        picture: the figure that stands for the page in the index; its first one if empty.
        waits: whether it reads what pages before it write.
    """

    notebook: str
    label: str
    parameters: dict[str, object] = field(default_factory=dict)
    variant: str = ""
    picture: str = ""
    waits: bool = False

    @property
    def slug(self) -> str:
        """The name of the page's files."""
        return f"{self.notebook}_{self.variant}" if self.variant else self.notebook


PAGES = (
    Page("01_data", "The digits", picture="01_augmentation.png"),
    *(
        Page("02_train", f"Training: {TITLES[model]}", {"model": model}, model)
        for model in ("lenet5", "mlp", "lenet5_reg")
    ),
    Page("03_compare", "The comparison", picture="03_seeds.png"),
    Page("04_regularization", "Regularization", picture="04_forest.png"),
    Page("05_report", "The report", {"runs_dir": "runs"}, picture="05_accuracy.png", waits=True),
)


def build(
    out: str | Path = base.OUT / "report",
    data_dir: str | Path | None = None,
    pages: Sequence[Page] = PAGES,
    notebooks: Path = base.NOTEBOOKS,
    say: Callable[[str], None] = print,
    **training: int,
) -> None:
    """Execute the notebooks and write the report, whose first page is index.html.

    When a page fails, those that are finished stay. A report that was stopped, in whatever way,
    goes on with the pages that are missing, unless anything that it is made from has changed.

    Args:
        out: the folder; emptied first if it holds a report that is finished or of other settings.
        data_dir: where the digits are; None looks where `load` looks.
        pages: what to build, in order.
        notebooks: the folder that holds the notebooks.
        say: gets each line of progress.
        training: parameters of the pages that train, such as epochs=1.

    Raises:
        UserError: the folder is someone else's, or a notebook failed; then the message names
            notebook, cell and error.
    """
    out = expanded(out).resolve()
    environment = _environment(data_dir)
    _expect_own(out)  # before digits are looked for
    digits = load(environment.get("MNIST_DIR")).fingerprint  # downloaded before the first page
    jobs = [_job(page, notebooks, out, training) for page in pages]
    _begin(out, _made_from([digits, [job.parameters for job in jobs]], jobs))
    try:
        _run_missing(jobs, environment, say)
    except NotebookError:
        book.write(out, pages)
        raise
    index = book.write(out, pages)
    write_bytes(out / MARK, b"")  # nothing to go on with: the next one starts anew
    say(f"open {index}")


def _run_missing(jobs: Sequence[Job], environment: dict[str, str], say: Callable) -> None:
    """Execute the pages that are not there, first those that train: they take longest."""
    jobs = [replace(job, label=f"[{i}/{len(jobs)}] {job.label}") for i, job in enumerate(jobs, 1)]
    missing = [job for job in jobs if not Path(job.target).exists()]
    for job in jobs:
        if job not in missing:
            say(f"{job.label} is there")
    trains = [job for job in missing if "model" in job.parameters]
    run([*trains[::-1], *(job for job in missing if job not in trains)], environment, say)


def _environment(data_dir: str | Path | None) -> dict[str, str]:
    """The digits' folder travels as a variable: a parameter would be seen in the notebook.

    It is a whole path, since kernels work in other folders.
    """
    given = data_dir or os.environ.get("MNIST_DIR")
    if not given:
        return {}
    path = expanded(given).resolve()
    if not path.is_dir():
        raise UserError(f"{path}: there is no such folder; give the one that holds the digits")
    return {"MNIST_DIR": str(path)}


def _job(page: Page, notebooks: Path, out: Path, training: dict[str, int]) -> Job:
    """A page's job; its kernel works in the report's folder, hence "."."""
    given = {**page.parameters, **(training if "model" in page.parameters else {}), "out_dir": "."}
    source, target = notebooks / f"{page.notebook}.ipynb", out / f"{page.slug}.ipynb"
    return Job(page.slug, str(source), str(target), str(out), given, page.waits)


def _made_from(values: object, jobs: Iterable[Job]) -> str:
    """sha256 over settings, and path, size and time of change of code, notebooks and records."""
    code, kept = Path(__file__).resolve().parents[1].rglob("*.py"), base.RUNS.rglob("*.json")
    files = sorted(
        {*code, *kept, *base.BENCH.parent.glob("*.json"), *(Path(j.source) for j in jobs)}
    )
    states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    about = [sys.version, version("torch"), values, states]
    return sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _expect_own(out: Path) -> None:
    """Make and mark the folder where it is new.

    Raises:
        UserError: it cannot be used, or holds files and no mark, so that they are someone's.
    """
    expect_writable(out).mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()) and not (out / MARK).exists():
        found = "found files that no report wrote, expected an empty folder"
        raise UserError(f"{out}: {found}; give another")
    (out / MARK).touch()


def _begin(out: Path, made_from: str) -> None:
    """Empty the folder, unless an unfinished report of the same `made_from` lies there."""
    mark = out / MARK
    if mark.read_text(encoding="utf-8", errors="replace") != made_from:
        write_bytes(mark, b"")  # what is half emptied is nothing to go on with
        for entry in out.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry != mark:
                entry.unlink()
    write_bytes(mark, made_from.encode())


def refresh(
    names: Sequence[str] = (),
    folder: Path = base.NOTEBOOKS,
    save_to: Path = base.FIGURES,
    say: Callable[[str], None] = print,
) -> None:
    """Execute notebooks on MNIST with their default parameters; write them, figures, the README.

    Args:
        names: such as "05_report"; all notebooks if there are none.
        folder: where the notebooks are.
        save_to: the folder for their figures.
        say: gets each line of progress.

    Raises:
        DataError: the digits found here are not MNIST.
        UserError: there is no such notebook, or a cell failed; then all stay as they were.
    """
    names = [Path(name).stem for name in names] or sorted(p.stem for p in folder.glob("*.ipynb"))
    paths = [folder / f"{name}.ipynb" for name in names]
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: there is no such notebook")
    if (found := load().name) != "MNIST":
        raise DataError(f"found {found}, expected MNIST; set MNIST_DIR to the folder with it")
    with TemporaryDirectory() as scratch:
        targets = [Path(scratch) / path.name for path in paths]
        both = zip(paths, targets, strict=True)
        jobs = [Job(path.stem, str(path), str(target), str(folder)) for path, target in both]
        run(jobs, _environment(None), say)
        executed = [clean(nbformat.read(target, as_version=4)) for target in targets]
    for path, notebook in zip(paths, executed, strict=True):
        for name, picture in book.figures(notebook).items():
            write_bytes(save_to / name, picture.png)
        write_bytes(path, nbformat.writes(notebook).encode() + b"\n")
    write_bytes(base.ROOT / "README.md", readme().encode())


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what differs from run to run, and note which sources were executed."""
    ours = {**notebook.metadata.get("mnistlib", {}), "sources": source_hash(notebook)}
    language = notebook.metadata.get("language_info", {})
    kept = {"kernelspec": KERNEL, "language_info": language, "mnistlib": ours}
    notebook.metadata = nbformat.from_dict(kept)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if book.WIDGET not in out.get("data", {})]
    return notebook


def source_hash(notebook: nbformat.NotebookNode) -> str:
    """sha256 over the sources of all code cells: it differs where outputs may be out of date."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return sha256("\0".join(sources).encode()).hexdigest()


def readme(folder: Path = base.RUNS, text: str | None = None) -> str:
    """README.md with its results written anew from a folder's records; the rest of it stays.

    Args:
        folder: the records.
        text: what README.md holds; None reads it.

    Raises:
        DataError: the marks around the results are missing.
    """
    text = (base.ROOT / "README.md").read_text(encoding="utf-8") if text is None else text
    if (found := re.search(f"{START}\n(.*?)\n{END}", text, re.S)) is None:
        raise DataError(f"README.md: found no lines {START} and {END}; put the marks back")
    runs = load_all(folder, strict=True)
    study = judge(by_row(runs, needed=TITLES))
    alone = family_words("Added to LeNet-5 alone", study.added)
    again = load_all(folder / plan.CONFIRMATION_FOLDER.name, strict=True)
    second = plan.words(plan.confirm(again))
    table = book.markdown_table(readable(headline(runs)).reset_index())
    return f"{text[: found.start(1)]}{table}\n\n{alone} {second}{text[found.end(1) :]}"
