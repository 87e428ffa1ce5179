"""Figures, Markdown, formulas and outputs on pages that open offline."""

import re
from dataclasses import replace
from html import escape
from types import SimpleNamespace

import nbformat.v4 as nb
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mnistlib.base import UserError
from mnistlib.config import recipe
from mnistlib.report import figures, index, pages
from mnistlib.report.formulas import mathml
from mnistlib.report.markdown import Writer, clean
from mnistlib.runs import Run


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    record = lambda data, metadata, raw=False: shown.append((data, metadata))  # noqa: E731
    monkeypatch.setattr("IPython.display.display", record)
    return shown


def executed(*outputs, source="1 + 1"):
    return nb.new_notebook(
        cells=[
            nb.new_markdown_cell("# Is it so?"),
            nb.new_code_cell(source, outputs=list(outputs)),
        ]
    )


def display_data(kind, content, **metadata):
    return nb.new_output("display_data", {kind: content}, metadata=metadata)


def test_show_displays_picture_then_caption_and_closes_the_figure(displayed, tmp_path):
    fig = plt.figure(figsize=(2, 1))
    figures.show(fig, "02_curves.png", "It rises; n = 3.", "A line", tmp_path)
    (picture, metadata), (caption, _) = displayed
    assert picture["text/plain"] == metadata["image/png"]["alt"] == "A line"
    assert caption.data == "**Figure.** It rises; n = 3."
    assert not plt.fignum_exists(fig.number)
    assert (tmp_path / "02_curves.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["02_curves.png"]


def test_equal_figures_are_equal_bytes_without_a_version_in_them():
    first, second = (figures.render(Figure(figsize=(2, 1))) for _ in range(2))
    assert first == second
    assert b"Software" not in first


@pytest.mark.parametrize("name", ["curves.png", "02_curves", "../02_a.png", "02_A.png"])
def test_show_refuses_other_names(name):
    with pytest.raises(UserError, match="expected one like '02_curves"):
        figures.show(Figure(), name, "c", "a")


def test_show_refuses_an_empty_alt_text():
    with pytest.raises(UserError, match="has no alt"):
        figures.show(Figure(), "02_curves.png", "c", " ")


def test_banner_speaks_of_the_sample_only(displayed):
    data = {"train": range(4000), "test": range(1000)}
    figures.banner(SimpleNamespace(is_sample=False, **data))
    assert displayed == []
    figures.banner(SimpleNamespace(is_sample=True, **data))
    assert "sample of 5,000 digits (4,000 for training" in displayed[0][0].data


def test_a_formula_becomes_mathml():
    html = Writer().html(r"Loss $\frac{1}{n}$, size $61{,}706$.")
    assert "<mfrac>" in html
    assert "$" not in html
    assert "<mtext>,</mtext>" in html


def test_aligned_lines_become_a_table_of_mathml():
    html = mathml(r"\begin{aligned} a &= 1 \\ b &= 2 \end{aligned}", display=True)
    assert html.count("<mtr>") == 2
    assert "&amp;" not in html


def test_text_in_a_formula_is_escaped():
    assert "<script>" not in mathml(r"\text{<script>}")


@pytest.mark.parametrize("tex", [r"\foo{x}", "{"])
def test_a_formula_that_cannot_be_set_is_an_error(tex):
    with pytest.raises(UserError, match="formula"):
        mathml(tex)


def test_links_to_notebooks_lead_to_pages_and_other_files_are_only_named():
    html = Writer({"05_report.ipynb": "05_report.html"}).html(
        "[a](05_report.ipynb#x) [b](../mnistlib/stats.py) [c](https://example.org/)"
    )
    assert 'href="05_report.html#x"' in html
    assert "stats.py" not in html
    assert 'href="https://example.org/"' in html


def test_headings_with_equal_text_get_targets_of_their_own():
    writer = Writer()
    writer.html("## Caveat\n\n## Caveat")
    assert [name for _, name, _ in writer.headings] == ["caveat", "caveat-2"]


def test_html_that_loads_or_runs_is_dropped():
    html = clean(
        '<p onclick="x()">a</p><script>evil()</script><img src="http://example.org/a.png">'
        '<a href="javascript:x()">b</a><style>p{}</style><iframe src="x"></iframe>'
    )
    assert not re.search("onclick|evil|example|javascript|style|iframe", html)
    assert "<p>a</p>" in html


def test_text_outputs_are_escaped():
    html = pages.page(executed(nb.new_output("stream", name="stdout", text="<b>1</b>\n")), "x")
    assert "&lt;b&gt;1&lt;/b&gt;" in html


@pytest.mark.parametrize("name", ["a*b*", "$\\foo{$ <b>", "[a](b)|`c` & # ~~d~~", "_MNIST_", "\\"])
def test_a_name_from_outside_means_nothing_in_markdown(name):
    html = Writer({}).html(f"Digits of {figures.plain(name)} are read.")
    assert html.strip() == f"<p>Digits of {escape(name, quote=False)} are read.</p>"


def test_alt_text_and_caption_stand_in_the_figure():
    picture = display_data("image/png", "iVBORw0KGgo=", **{"image/png": {"alt": 'A "line"'}})
    caption = display_data("text/markdown", "**Figure.** Up.", mnistlib={"caption": "02_a.png"})
    html = pages.page(executed(picture, caption), "x")
    assert 'alt="A &quot;line&quot;"' in html
    assert re.search(r"<figcaption><p><strong>Figure\.</strong> Up\.</p>\s*</figcaption>", html)


def test_progress_bars_are_left_out():
    widget = display_data("application/vnd.jupyter.widget-view+json", {"model_id": "7"})
    bar = nb.new_output("stream", name="stderr", text="\r 50%|#####")
    html = pages.page(executed(widget, bar), "x")
    assert "50%" not in html
    assert "model_id" not in html


def test_a_page_loads_nothing():
    html = pages.page(executed(), "x")
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\(""", html)
    assert "<script" not in html


def test_parameters_are_told_without_folders():
    cells = [nb.new_code_cell('model: str = "mlp"  # m\nepochs: int = 0  # e\ndata_dir: str = ""')]
    cells.append(nb.new_code_cell('# Parameters\nseed = 0\nout_dir = "/x/y"\n'))
    for cell, tag in zip(cells, ("parameters", "injected-parameters"), strict=True):
        cell.metadata["tags"] = [tag]
    notebook = nb.new_notebook(cells=cells)
    assert pages.parameters(notebook) == {"model": "mlp", "seed": 0}
    assert "/x/y" not in pages.page(notebook, "x")


def test_scrub_takes_folders_out():
    assert pages.scrub("wrote /a/b/c.json in /a/b", "/a", "/a/b") == "wrote c.json in ."


def _run(name):
    curves = {"train_loss": [0.1], "train_accuracy": [0.9], "test_loss": [0.1]}
    curves |= {"test_accuracy": [0.75], "seconds": [8.44]}
    digits = {"name": name, "n_train": 8, "n_test": 4, "fingerprint": "0" * 64}
    return Run(recipe("mlp", epochs=1), 0, digits, curves, "0001", {"3": 0}, {}, "cpu", 1)


def test_the_index_tells_accuracy_with_its_interval():
    run = _run("MNIST")
    row = index.row(run)
    assert (row.model, row.parameters, row.accuracy) == ("MLP", "61,706", "75.00 %")
    assert row.interval == "30.06 to 95.44 %"  # Wilson's for 3 of 4
    assert row.seconds == "8.4"
    quick = replace(run, history={**run.history, "seconds": [0.0312]})
    assert index.row(quick).seconds == "0.03"


def test_the_index_is_loud_about_the_sample():
    assert "This is not MNIST" in index.index([_run("sample")], [])
    assert "This is not MNIST" not in index.index([_run("MNIST")], [])


def test_what_the_index_takes_from_files_is_escaped():
    card = index.Card("<i>", "<b>?", "a.html", "a.ipynb", None)
    html = index.index([_run("<script>x")], [card])
    assert "<script" not in html
    assert "&lt;b&gt;?" in html


def test_percent_signs_and_the_name_lenet5_do_not_part_at_a_line_break():
    set_text = figures.typeset("LeNet-5: 99.1% and 95 %; 100%")
    assert set_text == "LeNet‑5: 99.1\u00a0% and 95\u00a0%; 100\u00a0%"


def test_only_long_cells_of_a_table_break_into_lines():
    table = f"<table><tr><th>short</th><td>{'word ' * 9}</td></tr></table>"
    html = pages.page(executed(display_data("text/html", table)), "Page")
    assert html.count('class="text"') == 1
    assert '<td class="text">word' in html


def test_a_tables_index_is_named_in_the_row_of_the_columns():
    frame = pd.DataFrame({"a": [1], "b": ["word"]}, index=pd.Index(["x"], name="row"))
    html = pages.page(executed(display_data("text/html", frame.to_html())), "Page")
    assert re.search(r"<th>row</th>\s*<th>a</th>\s*<th>b</th>", html)
    assert html.count("<tr") == 2
    assert '<td class="word">word</td>' in html
