"""What the cells of an executed notebook put out, as clean HTML."""

import re
from html import escape

from nbconvert.filters.ansi import strip_ansi
from nbformat import NotebookNode

from mnistlib.report.markdown import Writer, boxed, clean, formula

KERNEL_FILE = re.compile(r"\S*ipykernel_\d+/\S+\.py:\d+: ")  # where a warning says it comes from

LONG_CELL = re.compile(r"<(t[dh])>(?=[^<]{24})")  # of a table: may break into lines
WORDS_CELL = re.compile(r"<td>(?=[A-Za-z])")  # not a number: starts at the left
INDEX_ROW = re.compile(  # pandas gives the index's name a row of its own below the columns' names
    r"<th></th>((?:\s*<th>[^<]*</th>)+\s*</tr>)\s*<tr>\s*(<th>[^<]+</th>)(?:\s*<th></th>)+\s*</tr>"
)


def outputs(results: list[NotebookNode], writer: Writer) -> str:
    """A cell's outputs as HTML; a caption goes below the figure before it."""
    parts: list[str] = []
    for output in results:
        html = _output(output, writer)
        if parts and _is_caption(output):
            parts[-1] = _with_caption(parts[-1], html)
        elif html:
            parts.append(html)
    return "\n".join(parts)


def _output(output: NotebookNode, writer: Writer) -> str:
    if output.output_type == "stream":
        return _stream(output)
    data = output.get("data", {})
    for kind, convert in CONVERTERS.items():
        if kind in data:
            return convert(output, data[kind], writer)
    return ""


def _stream(output: NotebookNode) -> str:
    lines = KERNEL_FILE.sub("", strip_ansi(output.text)).splitlines()
    if output.name == "stderr" and "\r" in output.text:
        return ""  # a progress bar
    text = "\n".join(lines).strip("\n")
    return f'<pre class="output {escape(output.name)}">{escape(text)}</pre>' if text else ""


def _figure(output: NotebookNode, _: str, __: Writer) -> str:
    width = output.metadata.get("image/png", {}).get("width")
    size = f' width="{width}"' if type(width) is int else ""
    image = f'<img src="{data_url(output)}" alt="{escape(alt_text(output))}"{size}>'
    return f"<figure>{image}</figure>"


def data_url(output: NotebookNode) -> str:
    """The output's PNG as a URL that holds it."""
    return "data:image/png;base64," + re.sub(r"[^A-Za-z0-9+/=]", "", output.data["image/png"])


def alt_text(output: NotebookNode) -> str:
    """The output's alt text, "" where it has none."""
    return str(output.metadata.get("image/png", {}).get("alt", ""))


def _is_caption(output: NotebookNode) -> bool:
    return "caption" in output.get("metadata", {}).get("mnistlib", {})


def _with_caption(figure: str, caption: str) -> str:
    return figure.replace("</figure>", f"<figcaption>{caption}</figcaption></figure>")


def _markdown(output: NotebookNode, source: str, writer: Writer) -> str:
    role = output.metadata.get("mnistlib", {}).get("role", "said")
    name = role if role in ("banner", "in-short") else "said"
    body = writer.html(source)
    return body if _is_caption(output) else f'<div class="{name}">{body}</div>'


def _latex(output: NotebookNode, source: str, _: Writer) -> str:
    tex = source.strip().strip("$").strip().removeprefix(r"\displaystyle")
    return f'<p class="said">{formula(tex, display=True)}</p>'


def _html(output: NotebookNode, source: str, _: Writer) -> str:
    table = INDEX_ROW.sub(r"\2\1", clean(source))
    table = LONG_CELL.sub(r'<\1 class="text">', table)
    table = WORDS_CELL.sub('<td class="word">', table)
    return f'<div class="said">{boxed(table)}</div>'


def _plain(output: NotebookNode, source: str, _: Writer) -> str:
    return f'<pre class="output">{escape(strip_ansi(source))}</pre>'


CONVERTERS = {
    "application/vnd.jupyter.widget-view+json": lambda *_: "",  # progress bars
    "text/html": _html,
    "text/markdown": _markdown,
    "image/png": _figure,
    "text/latex": _latex,
    "text/plain": _plain,
}
