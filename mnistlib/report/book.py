"""Executed notebooks as a book of HTML pages, written by Sphinx; nothing in them runs or loads."""

import base64
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, run
from tempfile import TemporaryDirectory

import bleach
import nbformat
from nbformat import NotebookNode, v4

from mnistlib.base import UserError, write_bytes
from mnistlib.comparison import headline, readable
from mnistlib.notebook import NAME, plain
from mnistlib.runs import Run, load_all

TITLE = "LeNet-5 and an equally large MLP on handwritten digits"
LEAD = (
    "How much of a small network's accuracy on handwritten digits comes from convolution, and how "
    "much does regularization add?"
)
SAMPLE = (
    "MNIST's files were neither found nor downloaded: this report was made from the built-in "
    "sample of digits. Its numbers say nothing about the results on MNIST. Only what is read from "
    "the records in git is about MNIST: the pages whose card says so, and the parts of the report "
    "that say so."
)
FENCE = "`" * 9
FOLDED = re.compile(r"^(import|from) |^show\(", re.M)  # code that one reads last
BOXES = {"banner": ("This is not MNIST", "warning"), "in-short": ("In short", "note")}
WIDGET = "application/vnd.jupyter.widget-view+json"
SHOWN = ("text/html", "text/markdown", "image/png", "text/latex", "text/plain")  # the best first
TABLE = {"table", "thead", "tbody", "tr", "th", "td", "caption", "br", "b", "i", "sub", "sup"}
SPANS = {"td": ["colspan", "rowspan"], "th": ["colspan", "rowspan"], "table": ["class"]}
INDEX_ROW = re.compile(  # pandas gives the index's name a row of its own below the columns' names
    r"<th></th>((?:\s*<th>[^<]*</th>)+\s*</tr>)\s*<tr>\s*(<th>[^<]+</th>)(?:\s*<th></th>)+\s*</tr>"
)
WORDS = re.compile(r"<td>(?=[A-Za-z])|<t[dh]>(?=[^<]{24})")  # no number: at the left, may break


@dataclass(frozen=True)
class Picture:
    """A figure that `show` left in a notebook; the width is in CSS pixels."""

    png: bytes
    alt: str
    width: int
    caption: str


def figures(notebook: NotebookNode) -> dict[str, Picture]:
    """Each figure that `show` left in an executed notebook, by its name."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    captions = {_ours(output).get("caption"): output for output in outputs}
    found = {}
    for output in outputs:
        name = str(_ours(output).get("figure"))
        if NAME.fullmatch(name) and name in captions:
            image, png = output.metadata["image/png"], base64.b64decode(output.data["image/png"])
            said = captions[name].data["text/markdown"].removeprefix("**Figure.** ")
            found[name] = Picture(png, str(image.alt), int(image.width), said)
    return found


def _ours(output: NotebookNode) -> dict:
    return output.get("metadata", {}).get("mnistlib", {})


def write(out: Path, pages: Sequence) -> Path:
    """Write the pages whose notebooks are there, and the index; returns its path.

    Raises:
        UserError: Sphinx failed; the message ends with what it said.
    """
    done = [page for page in pages if (out / f"{page.slug}.ipynb").exists()]
    names = {page.notebook: page.slug for page in reversed(done)}
    with TemporaryDirectory() as scratch:
        source, html, cache = (Path(scratch) / name for name in ("source", "html", "cache"))
        cards = [_prepare(page, out, source, names) for page in done]
        write_bytes(source / "index.md", index(load_all(out / "runs"), cards).encode())
        settings = Path(__file__).parent
        command = [sys.executable, "-m", "sphinx", "-q", "-c", settings, "-d", cache, source, html]
        answer = run(command, check=False, stderr=PIPE, text=True)  # noqa: S603 (our own words)
        if answer.returncode:
            raise UserError(f"{out}: Sphinx could not write the pages: {answer.stderr[-2000:]}")
        for path in sorted(html.rglob("*"), key=lambda path: path.name == "index.html"):
            executed = out / path.name if path.parent.name == "_sources" else path
            if path.is_file():  # a notebook to be downloaded is the one that was executed
                content = (executed if executed.exists() else path).read_bytes()
                if path.suffix == ".html":
                    content = _readable_aloud(content)
                write_bytes(out / path.relative_to(html), content)
    return out / "index.html"


def _readable_aloud(html: bytes) -> bytes:
    """The theme's page, with no button named other than it reads, and all of it in some part."""
    html = html.replace(b' aria-label="Toggle hidden content"', b"")
    html = re.sub(rb'(button-field [^>]*) title="Search" aria-label="Search"', rb"\1", html)
    part = b'<div role="region" aria-label="Title" class="sidebar-primary-item">'
    return html.replace(b'<div class="sidebar-primary-item">', part, 1)


@dataclass(frozen=True)
class Card:
    """A page as the index shows it; the figure is one of its own, or ""."""

    label: str
    title: str
    slug: str
    figure: str
    alt: str
    kept: bool  # about MNIST whatever the digits are, since it is made from the records in git

    def __str__(self) -> str:
        about = ", about MNIST: from the records in git" if self.kept else ""
        picture = [f":img-top: figures/{self.figure}", f":img-alt: {_quoted(self.alt)}"]
        link = [f":link: {self.slug}", ":link-type: doc", *(picture if self.figure else [])]
        return _directive("grid-item-card", self.title, link, f"{self.label}{about}", "`" * 5)


def index(runs: Sequence[Run], cards: Sequence[Card]) -> str:
    """The report's first page, in Markdown; without runs, it only lists the pages."""
    facts = [run.dataset for run in runs]
    sizes = dict.fromkeys((fact["name"], fact["n_train"], fact["n_test"]) for fact in facts)
    parts = [f"# {TITLE}", LEAD]
    if any(name == "sample" for name, _, _ in sizes):
        parts += [_directive("admonition", "This is not MNIST", [":class: warning"], SAMPLE)]
    for name, n_train, n_test in sizes:
        about = f"{n_train:,} images for training and {n_test:,} for testing"
        parts += [f"**Digits:** {plain(name)}, {about}."]
    if runs:
        parts += ["## What came out", markdown_table(readable(headline(runs)).reset_index())]
    if cards and cards[-1].figure:
        alt = [f":alt: {_quoted(cards[-1].alt)}"]
        parts += [_directive("image", f"figures/{cards[-1].figure}", alt, "")]
    grid = _directive("grid", "1 2 2 3", [":gutter: 3"], "\n\n".join(map(str, cards)))
    links = ["Overview <self>", *(f"{card.label} <{card.slug}>" for card in cards)]
    contents = _directive("toctree", "", [":hidden:"], "\n".join(links))
    return "\n\n".join([*parts, "## The pages", grid, contents])


def markdown_table(frame) -> str:
    """A data frame as a table in Markdown."""
    rows = [frame.columns, ["---"] * len(frame.columns), *frame.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def _directive(name: str, argument: str, options: list[str], body: str, fence: str = FENCE) -> str:
    return "\n".join([f"{fence}{{{name}}} {argument}", *options, "", body, fence])


def _quoted(text: str) -> str:
    return json.dumps(" ".join(text.split()), ensure_ascii=False)


def _prepare(page, out: Path, source: Path, names: Mapping[str, str]) -> Card:
    """Write a page's notebook and figures as Sphinx gets them; returns the card for the index."""
    notebook = nbformat.read(out / f"{page.slug}.ipynb", as_version=4)
    found = figures(notebook)
    for name, picture in found.items():
        write_bytes(source / "figures" / name, picture.png)
    cells = [part for cell in notebook.cells for part in _parts(cell, names)]
    heading = re.match(r"# +(.+)", cells[0].source) if cells else None
    title = heading[1] if heading else page.label
    if heading and page.variant:  # pages of one notebook are told apart in links and search
        cells[0].source = f"# {title} ({page.label}){cells[0].source[heading.end() :]}"
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    ready = v4.new_notebook(cells=cells, metadata={**about, "language_info": {"name": "python"}})
    write_bytes(source / f"{page.slug}.ipynb", nbformat.writes(ready).encode())
    kept = _ours(notebook).get("outputs_from") == "runs" and not page.waits
    name = page.picture if page.picture in found else next(iter(found), "")
    return Card(page.label, title, page.slug, name, found[name].alt if name else "", kept)


def _parts(cell: NotebookNode, names: Mapping[str, str]) -> Iterator[NotebookNode]:
    """A cell, and its figures and boxes as cells of Markdown, which Sphinx numbers and styles."""
    tags = cell.metadata.get("tags", [])
    if cell.cell_type == "markdown":
        yield v4.new_markdown_cell(_defused(cell.source, names))
    if cell.cell_type != "code" or "parameters" in tags:
        return  # the parameters that count are in papermill's cell
    folded = ["hide-input"] if FOLDED.search(cell.source) or "injected-parameters" in tags else []
    part = v4.new_code_cell(cell.source, metadata={"tags": folded})
    pictures = figures(nbformat.from_dict({"cells": [cell]}))
    for output in cell.outputs:
        box = _box(output, pictures, names)
        if box:
            yield from [part, v4.new_markdown_cell(box)]
            part = v4.new_code_cell("", metadata={"tags": ["remove-input"]})
        elif box is None:
            part.outputs += _clean(output, names)
    if part.outputs or part.source:
        yield part


def _box(output: NotebookNode, pictures: Mapping, names: Mapping[str, str]) -> str | None:
    """What is to be a figure or a box, in Markdown; None for other outputs, "" for captions."""
    if "caption" in _ours(output):
        return ""
    if (name := _ours(output).get("figure")) in pictures:
        picture = pictures[name]
        options = [f":name: {Path(name).stem}", f":alt: {_quoted(picture.alt)}"]
        options += [f":width: {picture.width}px"]
        return _directive("figure", f"figures/{name}", options, _defused(picture.caption, names))
    if (role := _ours(output).get("role")) in BOXES:
        title, kind = BOXES[role]
        text = re.sub(r"(?m)^> ?", "", output.data["text/markdown"]).partition("** ")[2]
        return _directive("admonition", title, [f":class: {kind}"], _defused(text, names))
    return None


def _clean(output: NotebookNode, names: Mapping[str, str]) -> list[NotebookNode]:
    """An output without all that could load, run or restyle; progress bars are left out."""
    if output.output_type == "stream":
        return [output] if output.name == "stdout" else []
    data = output.get("data", {})
    kind = next((kind for kind in SHOWN if kind in data and WIDGET not in data), "")
    content = data.get(kind, "")
    if kind == "text/html":
        content = table(content)
    if kind == "text/markdown":
        content = _defused(content, names)
    return [v4.new_output("display_data", {kind: content})] if kind else []


def _defused(text: str, names: Mapping[str, str]) -> str:
    """Markdown whose fences call nothing, and whose links to files lead to pages or nowhere."""

    def link(match: re.Match) -> str:
        slug = names.get(Path(match[2]).stem)
        return f"[{match[1]}]({slug}.ipynb{match[3] or ''})" if slug else match[1]

    text = re.sub(r"([`~:]{3,}[ \t]*)\{", r"\1", text)
    return re.sub(r"!?\[([^\]]*)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)]*)?\)", link, text)


def table(html: str) -> str:
    """A table as pandas writes it, and nothing else."""
    html = re.sub(r"(?is)<(style|script)\b.*?</\1\s*>", "", html)
    html = bleach.clean(html, TABLE, SPANS, strip=True)
    html = INDEX_ROW.sub(r"\2\1", html).replace("<th></th>", "<td></td>")
    return WORDS.sub(lambda match: match[0].replace(">", ' class="words">'), html)
