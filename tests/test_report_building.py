"""Whole reports, from small notebooks that are executed for it."""

import os
import re
import runpy

import nbformat
import nbformat.v4 as nb
import pytest

from mnistlib.base import NOTEBOOKS, UserError
from mnistlib.dataset import export
from mnistlib.report import files
from mnistlib.report.building import PAGES, Page, _environment, build, source_words
from mnistlib.report.execute import NotebookError
from mnistlib.report.refreshing import clean, source_hash

GOOD = """from matplotlib.figure import Figure
from mnistlib.report import check, choice, folder, show, whole
given = check(globals(), model=choice(["mlp"]), seed=whole(), out_dir=folder("."))
show(Figure(figsize=(2, 1)), "01_a.png", "One; n = 1.", "Nothing", given.out_dir / "figures")"""
DEFAULTS = 'model: str = "mlp"  # m\nseed: int = 0  # s\nout_dir: str = ""  # o'


def write(path, *sources):
    cells = [nb.new_markdown_cell(f"# What is in {path.stem}?")]
    cells += [nb.new_code_cell(source) for source in sources]
    cells[1].metadata["tags"] = ["parameters"]
    notebook = nb.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "P", "language": "python"}
    nbformat.write(notebook, path)


def test_pages_before_a_failure_stay_and_the_message_names_the_cell(tmp_path):
    write(tmp_path / "01_good.ipynb", DEFAULTS, GOOD)
    write(tmp_path / "02_bad.ipynb", DEFAULTS, "x = 1", "raise ValueError('no\\nway')")
    pages = (Page("01_good", "Good", {"model": "mlp"}), Page("02_bad", "Bad"))
    out, lines = tmp_path / "out", []
    with pytest.raises(NotebookError) as caught:
        build(out, pages=pages, notebooks=tmp_path, say=lines.append, seed=3)
    told = r"02_bad\.ipynb stopped in code cell 3 of 3: ValueError: no way \(.*02_bad\.ipynb\)"
    assert re.fullmatch(told, str(caught.value))
    html = (out / "01_good.html").read_text()
    assert str(tmp_path) not in html
    assert 'alt="Nothing"' in html
    assert "seed = 3" in html
    assert (out / "figures" / "01_a.png").exists()
    assert (out / "02_bad.ipynb").exists()
    assert not (out / "02_bad.html").exists()
    assert str(tmp_path) not in (out / "01_good.ipynb").read_text()
    assert any("1/2" in line for line in lines)


def test_an_unknown_page_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(UserError, match="unknown page '5'"):
        build(tmp_path, only=["5"])


def test_missing_digits_are_refused_before_anything_runs(tmp_path):
    with pytest.raises(UserError, match="there is no such folder"):
        build(tmp_path / "out", data_dir=tmp_path / "none")


def test_kernels_elsewhere_get_the_whole_path_of_the_digits(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_DIR", "digits")
    assert _environment(None) == {"MNIST_DIR": str(tmp_path / "digits")}
    monkeypatch.delenv("MNIST_DIR")
    assert _environment("digits") == {"MNIST_DIR": str(tmp_path / "digits")}
    assert _environment(None) == {}


def test_notebooks_under_test_get_the_whole_path_of_the_digits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_DIR", "digits")
    runpy.run_path(str(NOTEBOOKS / "conftest.py"))
    assert os.environ["MNIST_DIR"] == str(tmp_path / "digits")


def test_a_folder_with_files_of_others_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UserError, match="no report wrote"):
        files.begin(tmp_path, "x")
    assert (tmp_path / "thesis.txt").exists()


def test_single_pages_can_be_built_again_and_again(tmp_path):
    for _ in range(2):
        files.expect_own(tmp_path / "new")
        (tmp_path / "new" / "01_a.html").touch()


@pytest.mark.parametrize(
    ("finished", "made_from", "kept"),
    [(False, "x", True), (False, "y", False), (True, "x", False)],
)
def test_an_earlier_report_is_emptied_unless_it_can_be_gone_on_with(
    finished, made_from, kept, tmp_path
):
    assert not files.begin(tmp_path, "x")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "old.json").touch()
    if finished:
        files.finish(tmp_path)
    assert files.begin(tmp_path, made_from) == kept
    assert {path.name for path in tmp_path.iterdir()} == {files.MARK, *["runs"] * kept}


def test_a_report_that_failed_goes_on_with_the_page_that_failed(tmp_path):
    write(tmp_path / "01_good.ipynb", DEFAULTS, GOOD)
    write(
        tmp_path / "02_bad.ipynb", DEFAULTS, "from pathlib import Path; Path('there').read_text()"
    )
    pages = (Page("01_good", "Good", {"model": "mlp"}), Page("02_bad", "Bad"))
    out, lines = tmp_path / "out", []
    options = {"pages": pages, "notebooks": tmp_path, "say": lines.append}
    with pytest.raises(NotebookError, match="FileNotFoundError"):
        build(out, **options)
    first = (out / "01_good.html").stat().st_mtime_ns
    (out / "there").touch()
    build(out, **options)
    assert "[1/2] 01_good is there" in lines
    assert (out / "01_good.html").stat().st_mtime_ns == first
    assert (out / "02_bad.html").exists()
    assert lines[-1] == f"open {out / 'index.html'}"
    assert (out / files.MARK).read_bytes() == b""  # whole: the next report starts anew


def test_a_report_is_not_gone_on_with_when_what_it_is_made_from_has_changed(tmp_path, tiny):
    write(tmp_path / "01_a.ipynb", DEFAULTS, "1")
    write(tmp_path / "02_b.ipynb", DEFAULTS, "raise ValueError")
    pages, out = (Page("01_a", "A", {"model": "mlp"}), Page("02_b", "B")), tmp_path / "out"

    def goes_on(**options):
        lines = []
        with pytest.raises(NotebookError):
            build(out, pages=pages, notebooks=tmp_path, say=lines.append, **options)
        return "[1/2] 01_a is there" in lines

    assert not goes_on()
    assert goes_on()
    assert not goes_on(seed=1)
    export(tiny, tmp_path / "digits")
    assert not goes_on(seed=1, data_dir=tmp_path / "digits")
    assert goes_on(seed=1, data_dir=tmp_path / "digits")
    write(tmp_path / "02_b.ipynb", DEFAULTS, "raise ValueError('again')")
    assert not goes_on(seed=1, data_dir=tmp_path / "digits")


def test_each_page_has_files_of_its_own():
    assert len({page.slug for page in PAGES}) == len(PAGES)


def test_clean_keeps_our_metadata_and_notes_the_sources():
    widget = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "bar"}
    cell = nb.new_code_cell("1", outputs=[nb.new_output("display_data", widget)])
    notebook = nb.new_notebook(cells=[cell], metadata={"widgets": {}, "papermill": {}})
    notebook.metadata["mnistlib"] = {"outputs_from": "runs"}
    metadata = clean(notebook).metadata
    assert set(metadata) == {"kernelspec", "language_info", "mnistlib"}
    assert metadata.mnistlib == {"outputs_from": "runs", "sources": source_hash(notebook)}
    assert cell.outputs == []


def test_the_hash_of_sources_sees_code_and_not_prose():
    notebook = nb.new_notebook(cells=[nb.new_code_cell("1"), nb.new_markdown_cell("a")])
    before = source_hash(notebook)
    notebook.cells[1].source = "b"
    assert source_hash(notebook) == before
    notebook.cells[0].source = "2"
    assert source_hash(notebook) != before


def test_the_index_says_which_pages_are_about_mnist_whatever_the_digits():
    kept = nb.new_notebook(metadata={"mnistlib": {"outputs_from": "runs"}})
    fresh = nb.new_notebook(metadata={"mnistlib": {"outputs_from": "MNIST"}})
    assert source_words(kept, Page("03", "C")) == ", from the records in git, on MNIST"
    assert source_words(kept, Page("05", "R", {"runs_dir": "runs"})) == ""
    assert source_words(fresh, Page("01", "D")) == ""
