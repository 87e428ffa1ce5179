"""The whole report: notebooks executed one after another, each a page, and an index."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mnistlib.base import NOTEBOOKS, OUT, ROOT, UserError, expanded, pick
from mnistlib.config import TITLES
from mnistlib.report.progress import progress


@dataclass(frozen=True)
class Page:
    """One page: a notebook, run with some parameters.

    Attributes:
        notebook: the notebook's name without its ending.
        label: a short name for links.
        parameters: beside the folders, which each build sets.
        variant: what tells pages of one notebook apart.
        picture: the figure that stands for the page in the index; its first one if empty.
    """

    notebook: str
    label: str
    parameters: dict[str, object] = field(default_factory=dict)
    variant: str = ""
    picture: str = ""

    @property
    def slug(self) -> str:
        """The name of the page's files."""
        return f"{self.notebook}_{self.variant}" if self.variant else self.notebook

    @property
    def source(self) -> str:
        """The notebook's file name."""
        return f"{self.notebook}.ipynb"


def training_page(model: str) -> Page:
    """The page that trains one model."""
    return Page("02_train", f"Training: {TITLES[model]}", {"model": model}, model)


PAGES = (
    Page("01_data", "The digits", picture="01_augmentation.png"),
    *(training_page(model) for model in ("lenet5", "mlp", "lenet5_reg")),
    Page("03_compare", "The comparison", picture="03_seeds.png"),
    Page("04_regularization", "Regularization", picture="04_forest.png"),
    Page("05_report", "The report", {"runs_dir": "runs"}, picture="05_accuracy.png"),
)


def build(
    out: str | Path = OUT / "report",
    data_dir: str | Path | None = None,
    only: Sequence[str] | None = None,
    epochs: int = 0,
    seed: int = 0,
    pages: Sequence[Page] = PAGES,
    notebooks: Path = NOTEBOOKS,
    say: Callable[[str], None] = print,
) -> None:
    """Execute the notebooks and write the report, whose first page is index.html.

    Pages are written one by one: when one fails, those before it stay. A report that was stopped,
    in whatever way, goes on with its next page, unless anything that it is made from has changed
    since. Pages can be opened from the disk, and load nothing.

    Args:
        out: the folder; emptied first if an earlier report, finished or of other settings, wrote
            it.
        data_dir: where the digits are; None looks where `load` looks.
        only: the pages to build again in an existing report, such as ["05_report"].
        epochs: for the pages that train; 0 takes each recipe's.
        seed: for the pages that train.
        pages: what to build, in order.
        notebooks: the folder that holds the notebooks.
        say: gets each line of progress.

    Raises:
        UserError: the folder is someone else's, a page's name is unknown, or a notebook failed;
            then the message names notebook, cell and error.
    """
    from mnistlib.report import files

    out = expanded(out).resolve()
    chosen = [pick("page", slug, [page.slug for page in pages]) for slug in only or ()]
    environment = _environment(data_dir)
    settings = {"seed": seed, **({"epochs": epochs} if epochs else {})}
    files.expect_own(out)  # before digits are looked for
    there = () if chosen else _begin(out, pages, notebooks, settings, environment)
    work = [page for page in pages if not chosen or page.slug in chosen]
    for number, page in enumerate(work, start=1):
        label = f"[{number}/{len(work)}] {page.slug}"
        if page.slug in there:
            say(f"{label} is there")
            continue
        with progress(label, say):
            _make(page, pages, notebooks, out, _parameters(page, settings), environment)
    index = write_index(out, pages)
    if not chosen:
        files.finish(out)
    say(f"open {index}")


def _begin(
    out: Path,
    pages: Sequence[Page],
    notebooks: Path,
    settings: dict[str, object],
    environment: dict[str, str],
) -> set[str]:
    """Make the folder ready; returns the names of pages that a stopped report has left there."""
    from mnistlib.dataset import load
    from mnistlib.report import files, origin

    values = [[page.slug, _parameters(page, settings)] for page in pages]
    digits = load(environment.get("MNIST_DIR")).fingerprint  # downloaded before the first page
    made_from = origin.fingerprint([values, digits], [notebooks / page.source for page in pages])
    goes_on = files.begin(out, made_from)
    return {page.slug for page in pages if goes_on and (out / f"{page.slug}.html").exists()}


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


def _parameters(page: Page, settings: dict[str, object]) -> dict[str, object]:
    """What papermill gives a page; its kernel works in the report's folder, hence "."."""
    given = settings if "model" in page.parameters else {}
    return {**page.parameters, **given, "out_dir": "."}


def _make(
    page: Page,
    pages: Sequence[Page],
    notebooks: Path,
    out: Path,
    parameters: dict[str, object],
    environment: dict[str, str],
) -> None:
    from mnistlib.base import write_bytes
    from mnistlib.report.execute import execute
    from mnistlib.report.figures import figures

    target = out / f"{page.slug}.ipynb"
    notebook = execute(notebooks / page.source, target, parameters, environment)
    for name, png in figures(notebook):
        write_bytes(out / "figures" / name, png)
    html = convert(notebook, page, pages, hide=[out, ROOT, *environment.values()])
    write_bytes(out / f"{page.slug}.html", html.encode())


def convert(notebook: object, page: Page, pages: Sequence[Page], hide: Iterable[Path] = ()) -> str:
    """An executed notebook as its page of the report, without the folders in `hide`."""
    from mnistlib.report import pages as html

    links = [html.Link(other.label, f"{other.slug}.html") for other in pages]
    here = list(pages).index(page)
    names = {other.source: f"{other.slug}.html" for other in reversed(pages)}
    text = html.page(
        notebook,
        page.label,
        pages=names,
        before=links[here - 1] if here else None,
        after=links[here + 1] if here + 1 < len(links) else None,
        source=f"{page.slug}.ipynb",
    )
    return html.scrub(text, *hide)


def write_index(out: Path, pages: Sequence[Page] = PAGES) -> Path:
    """Write index.html for the pages that are there; returns its path."""
    from mnistlib.base import write_bytes
    from mnistlib.report.index import index
    from mnistlib.runs import load_all

    done = [page for page in pages if (out / f"{page.slug}.html").exists()]
    html = index(load_all(out / "runs"), [_card(page, out) for page in done])
    return write_bytes(out / "index.html", html.encode())


def _card(page: Page, out: Path) -> object:
    import nbformat

    from mnistlib.report.index import Card
    from mnistlib.report.pages import picture, title

    source = f"{page.slug}.ipynb"
    notebook = nbformat.read(out / source, as_version=4)
    question = title(notebook) or page.label
    shown = picture(notebook, page.picture)
    return Card(
        page.label + source_words(notebook, page), question, f"{page.slug}.html", source, shown
    )


def source_words(notebook: object, page: Page) -> str:
    """Says of a page that reads the records in git that it is about MNIST, whatever the rest is."""
    kept = notebook.metadata.get("mnistlib", {}).get("outputs_from") == "runs"
    return (
        ", from the records in git, on MNIST" if kept and "runs_dir" not in page.parameters else ""
    )
