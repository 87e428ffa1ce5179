"""An executed notebook as one HTML page that opens offline."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from mnistlib.report.markdown import Writer
from mnistlib.report.outputs import alt_text, data_url, outputs
from mnistlib.report.parameters import assigned

HIDDEN = {"parameters", "injected-parameters", "remove-cell"}  # cells that a page leaves out


@dataclass(frozen=True)
class Link:
    """A page as the others refer to it: label and file name."""

    label: str
    href: str


@dataclass(frozen=True)
class Picture:
    """The first figure of a page, for the index."""

    src: str
    alt: str


@cache
def templates() -> Environment:
    """The package's templates; everything put in them is escaped unless it is marked clean."""
    loader = PackageLoader("mnistlib.report")
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def style() -> Markup:
    """The style sheet, for within a page."""
    source, _, _ = templates().loader.get_source(templates(), "style.css")
    return Markup(source)  # noqa: S704 (the package's own file)


def page(
    notebook: NotebookNode,
    label: str,
    pages: Mapping[str, str] | None = None,
    before: Link | None = None,
    after: Link | None = None,
    source: str | None = None,
) -> str:
    """An executed notebook as HTML.

    Args:
        notebook: with outputs; cells tagged as in HIDDEN are left out, the parameters are told
            in a line below the title.
        label: the page's short name.
        pages: for each notebook's file name, its page.
        before: the page before this one.
        after: the page after this one.
        source: where the executed notebook itself is, to link to it.
    """
    writer = Writer(pages or {})
    cells = [_cell(cell, writer) for cell in notebook.cells if not _hidden(cell)]
    heading, end, body = "\n".join(cells).rpartition("</h1>")  # parameters stand below the title
    return (
        templates()
        .get_template("page.html.j2")
        .render(
            style=style(),
            label=label,
            title=title(notebook) or label,
            heading=Markup(heading + end),  # noqa: S704 (each part is cleaned or escaped)
            body=Markup(body),  # noqa: S704
            contents=[(name, Markup(text)) for level, name, text in writer.headings if level == 2],  # noqa: S704
            parameters=parameters(notebook),
            before=before,
            after=after,
            source=source,
        )
    )


def title(notebook: NotebookNode) -> str:
    """The text of the notebook's first `#` heading, or ""."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    found = re.search(r"(?m)^# +(.+)$", text)
    return re.sub(r"[*_`]", "", found[1]).strip() if found else ""


def parameters(notebook: NotebookNode) -> dict[str, object]:
    """What the notebook ran with: defaults that say something, then what was put in; no folders."""
    values = {name: value for name, value in _tagged(notebook, "parameters").items() if value}
    values |= _tagged(notebook, "injected-parameters")
    return {name: value for name, value in values.items() if not name.endswith("_dir")}


def _tagged(notebook: NotebookNode, tag: str) -> dict[str, object]:
    cells = [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]
    return {name: value for cell in cells for name, value in assigned(cell.source).items()}


def picture(notebook: NotebookNode, name: str = "") -> Picture | None:
    """The figure of that name, or the notebook's first if there is none."""
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in shown if "image/png" in output.get("data", {})]
    named = [o for o in pictures if o.metadata.get("mnistlib", {}).get("figure") == name]
    found = (named or pictures)[:1]
    return Picture(data_url(found[0]), alt_text(found[0])) if found else None


def _hidden(cell: NotebookNode) -> bool:
    return bool(HIDDEN & set(cell.metadata.get("tags", []))) or not cell.source.strip()


def _cell(cell: NotebookNode, writer: Writer) -> str:
    if cell.cell_type == "markdown":
        return f'<section class="prose">{writer.html(cell.source)}</section>'
    if cell.cell_type != "code":
        return ""
    return _code(cell) + outputs(cell.outputs, writer)


def _code(cell: NotebookNode) -> str:
    if "hide-input" in cell.metadata.get("tags", []):
        return ""
    code = highlight(cell.source, PythonLexer(), HtmlFormatter(nowrap=True))
    return f'<pre class="code" tabindex="0"><code>{code}</code></pre>'


def scrub(html: str, *folders: str | Path) -> str:
    """The same HTML without the given folders' paths: no page tells where it was made."""
    for folder in sorted(map(str, folders), key=len, reverse=True):
        html = html.replace(f"{escape(folder)}/", "").replace(escape(folder), ".")
    return html
