"""Executed notebooks as a book of HTML pages, written by Sphinx; nothing in them runs or loads."""

import base64
import json
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

import bleach
import nbformat
from docutils import nodes
from math_core import LatexError, LatexToMathML
from nbformat import NotebookNode, v4
from sphinx.application import Sphinx

from mnistlib.base import write_bytes
from mnistlib.comparison import headline, readable
from mnistlib.execution import KERNEL, Page
from mnistlib.notebook import NAME, SAMPLE, plain, typeset
from mnistlib.runs import Run, load_all

FOLDER = Path(__file__).parent
FENCE = "`" * 9  # fewer than around the cards in index.md
HERO = "05_accuracy.png"  # the picture of the first page
SETTINGS = {  # Sphinx's and its extensions'
    "html_title": "LeNet-5 and an MLP of its size",
    "extensions": ["myst_nb", "sphinx_design", "sphinx_copybutton", __name__],
    "myst_enable_extensions": ["dollarmath"],
    # notebooks and names from outside may hold HTML, and roles or links that copy files
    "myst_disable_syntax": ["html_block", "html_inline", "myst_role", "reference"],
    "nb_execution_mode": "off",  # papermill has executed them
    "nb_render_markdown_format": "myst",
    "numfig": True,
    "html_math_renderer": "mathml",
    "html_show_search_summary": False,  # browsers refuse to fetch it on file://
    "html_theme": "sphinx_book_theme",
    "html_context": {"default_mode": "auto"},  # which is the default, and an error without it
    "html_sidebars": {"**": ["search-button-field.html", "sbt-sidebar-nav.html"]},
    "html_static_path": [str(FOLDER / "_static")],
    "html_css_files": ["report.css"],
    "html_theme_options": {"navbar_persistent": [], "footer_content_items": []},
}
READ_LAST = re.compile(r"^(import |from |show\(|in_short\(|say\(|caption |# Parameters)", re.M)
SHOWN = ("text/html", "text/markdown", "image/png", "text/latex", "text/plain")  # the best first
TABLE = ("table", "thead", "tbody", "tr", "th", "td")
SPANS = {"table": ["class"], "th": ["colspan", "rowspan"]}
WORDS = re.compile(r"<td>(?=[A-Za-z])|<t[dh]>(?=[^<]{24})")  # no number: at the left, may break
TEX = LatexToMathML()


def figures(notebook: NotebookNode) -> dict[str, tuple[NotebookNode, NotebookNode]]:
    """What `show` left in an executed notebook, by name: the outputs of figure and caption."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out]
    found = {}
    for picture, caption in pairwise(outputs):
        name = picture.metadata.get("mnistlib", {}).get("figure")
        if NAME.fullmatch(str(name)):
            found[name] = picture, caption
    return found


def save_figures(notebook: NotebookNode, folder: Path) -> None:
    """Write the figures of an executed notebook as PNG files."""
    for name, (picture, _) in figures(notebook).items():
        write_bytes(folder / name, base64.b64decode(picture.data["image/png"]))


def write(out: Path, pages: Sequence[Page]) -> Path:
    """Write the pages whose notebooks are there, and the index; returns its path."""
    paths = [(page, out / f"{page.slug}.ipynb") for page in pages]
    book = [(page, nbformat.read(path, as_version=4)) for page, path in paths if path.exists()]
    with TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the theme's own
        source, html, cache = (Path(scratch) / name for name in ("source", "html", "cache"))
        for page, notebook in book:
            save_figures(notebook, source / "figures")
            write_bytes(source / f"{page.slug}.ipynb", _prepared(page, notebook).encode())
        write_bytes(source / "index.md", index(load_all(out / "runs"), book).encode())
        Sphinx(source, None, html, cache, "html", SETTINGS, status=None, warning=None).build()
        for page, _ in book:  # a notebook to be downloaded is the one that was executed
            shutil.copy(out / f"{page.slug}.ipynb", html / "_sources")
        for path in sorted(html.rglob("*"), key=lambda path: path.name == "index.html"):
            if path.is_file():
                write_bytes(out / path.relative_to(html), path.read_bytes())
    return out / "index.html"


def index(runs: Sequence[Run], book: Sequence[tuple[Page, NotebookNode]]) -> str:
    """The report's first page, in Markdown; without runs, it only lists the pages."""
    parts = []
    if runs:
        digits = runs[0].dataset
        if digits["name"] == "sample":
            parts += [_directive("admonition", "This is not MNIST", SAMPLE, "class: warning")]
        sizes = "{n_train:,} images for training and {n_test:,} for testing".format(**digits)
        parts += [f"**Digits:** {plain(digits['name'])}, {sizes}.", "## What came out"]
        parts += [headline_table(runs)]
    found = [pair for _, notebook in book for pair in figures(notebook).items()]
    parts += [_picture("image", name, picture) for name, (picture, _) in found if name == HERO]
    return Template((FOLDER / "index.md").read_text(encoding="utf-8")).substitute(
        results="\n\n".join(parts),
        cards="\n\n".join(_card(page, notebook) for page, notebook in book),
        links="\n".join(f"{page.label} <{page.slug}>" for page, _ in book),
    )


def _card(page: Page, notebook: NotebookNode) -> str:
    title = typeset(notebook.cells[0].source.partition("\n")[0].lstrip("# "))
    return _directive("grid-item-card", title, page.label, f"link: {page.slug}", "link-type: doc")


def headline_table(runs: Sequence[Run]) -> str:
    """The headline in Markdown."""
    frame = readable(headline(runs)).reset_index()
    aligned = ["---", *["---:"] * (len(frame.columns) - 1)]
    rows = [frame.columns, aligned, *frame.to_numpy().tolist()]
    return "\n".join(f"|{'|'.join(map(str, row))}|" for row in rows)


def _directive(name: str, argument: str, body: str, *options: str) -> str:
    lines = [f":{option}" for option in options]
    return "\n".join([f"{FENCE}{{{name}}} {argument}", *lines, "", body, FENCE])


def _picture(directive: str, name: str, picture: NotebookNode, caption: str = "") -> str:
    about = picture.metadata["image/png"]
    alt = json.dumps(" ".join(about.alt.split()), ensure_ascii=False)
    options = f"alt: {alt}", f"width: {int(about.width)}px"
    return _directive(directive, f"figures/{name}", caption, *options)


def _prepared(page: Page, notebook: NotebookNode) -> str:
    """A page's notebook as Sphinx gets it."""
    cells = [part for cell in notebook.cells for part in _parts(cell)]
    if "model" in page.parameters:  # pages of one notebook are told apart in links and search
        cells[0].source = re.sub(r"\n|$", rf" ({page.label})\g<0>", cells[0].source, count=1)
    about = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return nbformat.writes(v4.new_notebook(cells=cells, metadata=about))


def _parts(cell: NotebookNode) -> Iterator[NotebookNode]:
    """A cell without what could run, and its figure as a cell of Markdown, which is numbered."""
    if cell.cell_type == "markdown":
        yield v4.new_markdown_cell(_defused(cell.source))
    if cell.cell_type != "code" or "parameters" in cell.metadata.get("tags", []):
        return  # the parameters that count are in papermill's cell
    folded = ["hide-input"] if READ_LAST.search(cell.source) else []
    outputs = [ready for output in cell.outputs for ready in _clean(output)]
    yield v4.new_code_cell(cell.source, metadata={"tags": folded}, outputs=outputs)
    for name, (picture, caption) in figures(nbformat.from_dict({"cells": [cell]})).items():
        said = caption.data["text/markdown"].removeprefix("**Figure.** ")
        yield v4.new_markdown_cell(_picture("figure", name, picture, _defused(said)))


def _clean(output: NotebookNode) -> list[NotebookNode]:
    """An output without all that could load, run or restyle; figures have cells of their own."""
    if output.output_type == "stream":
        return [output] if output.name == "stdout" else []
    data = output.get("data", {})
    kind = next((kind for kind in SHOWN if kind in data), "")
    if not kind or "mnistlib" in output.metadata:
        return []
    content = table(data[kind]) if kind == "text/html" else _defused(data[kind])
    return [v4.new_output("display_data", {kind: content})]


def _defused(text: str) -> str:
    """Markdown whose fences call nothing, and whose links lead to pages or into the web."""
    text = re.sub(r"([`~:]{3,}[ \t]*)\{", r"\1", text)
    return re.sub(r"\]\((?!https?:|#|\w+\.ipynb)", r"]\\(", text)


def table(html: str) -> str:
    """A table as pandas writes it, and nothing else."""
    html = re.sub(r"(?is)<(style|script)\b.*?</\1\s*>", "", html)
    html = bleach.clean(html, TABLE, SPANS, strip=True).replace("<th></th>", "<td></td>")
    html = html.replace("LeNet-5", "LeNet\N{NON-BREAKING HYPHEN}5")
    return WORDS.sub(lambda match: match[0].replace(">", ' class="words">'), html)


def _draw(writer, node: nodes.Node) -> None:
    """Write a formula as MathML, which browsers draw; what does not parse stays TeX."""
    block = isinstance(node, nodes.math_block)
    try:
        html = TEX.convert_with_local_state(node.astext(), displaystyle=block)
    except LatexError:
        html = f"<code>{escape(node.astext())}</code>"
    writer.body.append(f'<div class="formula" tabindex="0">{html}</div>' if block else html)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Sphinx calls this, since this module is one of its extensions."""
    app.add_html_math_renderer("mathml", (_draw, None), (_draw, None))
