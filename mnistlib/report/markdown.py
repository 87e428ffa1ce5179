"""Markdown as safe HTML that loads nothing: formulas as MathML, links that lead somewhere."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import bleach
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from mnistlib.base import FIGURES, NOTEBOOKS, UserError
from mnistlib.report.formulas import mathml

TAGS = {
    *("a", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl", "dt"),
    *("em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "mark", "ol", "p"),
    *("pre", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot"),
    *("th", "thead", "tr", "u", "ul"),
}
ATTRIBUTES = {
    "*": ["class", "id", "title"],
    "a": ["href"],
    "img": lambda tag, name, value: name == "alt" or (name, value[:11]) == ("src", "data:image/"),
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}
HOLE = "\ue000{}\ue001"  # private characters: where a formula goes once the HTML is clean


def clean(html: str) -> str:
    """Drop from HTML all that could load, run or restyle; keep text, tables and links."""
    html = re.sub(r"(?is)<(style|script)\b.*?</\1\s*>", "", html)
    return bleach.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        protocols={"http", "https", "mailto", "data"},
        strip=True,
    )


def boxed(html: str) -> str:
    """The same HTML with each table in a box of its own, which scrolls where it is too wide."""
    return re.sub(r"(?s)<table.*?</table>", r'<div class="wide" tabindex="0">\g<0></div>', html)


@dataclass
class Writer:
    """Writes the Markdown of one page; keeps its headings for the table of contents.

    Attributes:
        pages: for each notebook's file name, the page that its links lead to.
        headings: (level, id, HTML) of each heading so far.
    """

    pages: Mapping[str, str] = field(default_factory=dict)
    headings: list[tuple[int, str, str]] = field(default_factory=list)

    def html(self, source: str) -> str:
        """One Markdown text as clean HTML."""
        renderer = _Renderer(self)
        source = source.replace("\ue000", "").replace("\ue001", "")
        html = clean(MarkdownWithMath(renderer=renderer).render(source))
        for number, (level, name, text) in enumerate(self.headings):
            self.headings[number] = (level, name, renderer.fill(text))
        return boxed(renderer.fill(html))

    def new_id(self, text: str) -> str:
        """A link target that no heading of the page has yet."""
        stem = re.sub(r"[^a-z0-9]+", "-", re.sub(r"<[^>]*>", "", text).lower()).strip("-")
        taken = {name for _, name, _ in self.headings}
        names = [stem or "section", *(f"{stem or 'section'}-{i}" for i in range(2, 1000))]
        return next(name for name in names if name not in taken)


class _Renderer(IPythonRenderer):
    def __init__(self, writer: Writer) -> None:
        super().__init__(escape=False, allow_harmful_protocols=False, exclude_anchor_links=True)
        self.writer = writer
        self.formulas: list[str] = []

    def heading(self, text: str, level: int, **attrs: object) -> str:
        name = self.writer.new_id(text)
        self.writer.headings.append((level, name, clean(text)))
        return f'<h{level} id="{name}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Links to other notebooks lead to their pages; files that are no pages are only named."""
        file, _, anchor = url.partition("#")
        if Path(file).name in self.writer.pages:
            url = self.writer.pages[Path(file).name] + (f"#{anchor}" if anchor else "")
        elif file and not re.match(r"(https?|mailto):", file):
            return text
        return super().link(text, url, title)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture from the project's figures, within the page; any other is only named."""
        path = (NOTEBOOKS / url).resolve()
        if path.parent != FIGURES or path.suffix != ".png" or not path.is_file():
            return text
        data = base64.b64encode(path.read_bytes()).decode()
        return f'<img src="data:image/png;base64,{data}" alt="{escape(text)}">'

    def inline_math(self, body: str) -> str:
        return self._hole(formula(body))

    def block_math(self, body: str) -> str:
        return self._hole(formula(body, display=True))

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    def _hole(self, html: str) -> str:
        self.formulas.append(html)
        return HOLE.format(len(self.formulas) - 1)

    def fill(self, html: str) -> str:
        return re.sub("\ue000(\\d+)\ue001", lambda hole: self.formulas[int(hole[1])], html)


def formula(tex: str, display: bool = False) -> str:
    """A formula as MathML, in a box that scrolls on `display`; what does not parse stays TeX."""
    try:
        html = mathml(tex, display)
    except UserError:
        html = f"<code>{escape(tex)}</code>"
    return f'<span class="formula">{html}</span>' if display else html
