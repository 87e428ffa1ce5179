"""Sphinx's settings for the report: pages that open from the disk and load nothing."""

from html import escape

from docutils import nodes
from math_core import LatexError, LatexToMathML

project = "LeNet-5 and an MLP of its size"
html_title = project
extensions = ["myst_nb", "sphinx_design", "sphinx_copybutton"]

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
myst_disable_syntax = ["html_block", "html_inline"]  # names from outside may look like HTML
nb_execution_mode = "off"  # papermill has executed them
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Show code", "Hide code"
nb_render_markdown_format = "myst"

numfig = True
html_math_renderer = "mathml"
html_show_search_summary = False  # it would be fetched, which browsers refuse on file://
html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["report.css"]
html_context = {"default_mode": "auto"}
html_theme_options = {
    "toc_title": "On this page",
    "navbar_persistent": [],
    "footer_content_items": [],
    "footer_start": [],
}

TEX = LatexToMathML()


def formula(tex: str, display: bool) -> str:
    """A formula as MathML, which browsers draw by themselves; what does not parse stays TeX."""
    try:
        html = TEX.convert_with_local_state(tex, displaystyle=display)
    except LatexError:
        html = f"<code>{escape(tex)}</code>"
    return f'<div class="formula" tabindex="0">{html}</div>' if display else html


def setup(app) -> None:
    """Sphinx calls this."""

    def write(display: bool):
        def visit(writer, node):
            writer.body.append(formula(node.astext(), display))
            raise nodes.SkipNode

        return visit, None

    app.add_html_math_renderer("mathml", write(False), write(True))
