"""Whole reports, from small notebooks that are executed and bound for it."""

import io
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout, suppress
from types import SimpleNamespace

import joblib
import nbformat
import nbformat.v4 as nb
import psutil
import pytest

from mnistlib import report
from mnistlib.base import NOTEBOOKS, ROOT, UserError
from mnistlib.report import MARK, Page, book, build, source_hash
from mnistlib.report.book import formula

DEFAULTS = 'model: str = "mlp"  # m\nseed: int = 0  # s\nout_dir: str = ""  # o'
GOOD = """from matplotlib.figure import Figure
import os, pandas as pd
from mnistlib.notebook import check, folder, in_short, show, whole
given = check(globals(), model=str, seed=whole(), out_dir=folder("."))
in_short("It is **so**.")
print("threads", os.environ["OMP_NUM_THREADS"])
show(Figure(figsize=(2, 1)), "01_a.png", "Up; n = 1.", 'A "line": up', given.out_dir / "figures")"""
TABLE = "pd.DataFrame({'a': [1], 'b': ['word']}, index=pd.Index(['x'], name='row'))"
HOSTILE = """from IPython.display import HTML, Javascript, Markdown, display
bad = "<script>evil()</script><img src=x onerror='evil()'>"
display(HTML(bad + "<table onclick='evil()'><tr><td>in the table</td></tr></table>"))
display(Javascript("evil()"), Markdown(f"{bad}\\n\\n```{{raw}} html\\n{bad}\\n```"))
print(bad)"""
MEETING = """import time; from pathlib import Path
Path("{}").touch()
while not Path("{}").exists(): time.sleep(0.01)"""


def write(path, *sources, prose=""):
    """A notebook with a cell of parameters first, whose kernel has an odd name, or none."""
    cells = [nb.new_markdown_cell(f"# What is in {path.stem}?\n\n{prose}")]
    cells += [nb.new_code_cell(source) for source in sources]
    cells[1].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3111jvsc74a57bd0", "display_name": "P", "language": "python"}
    about = {} if prose else {"kernelspec": kernel}
    nbformat.write(nb.new_notebook(cells=cells, metadata=about), path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A report of four pages, of which one fails and one waits, in a folder with a hostile name."""
    folder = tmp_path_factory.mktemp("made")
    hostile = "<script>evil()</script>\n\n```{raw} html\n<script>evil()</script>\n```\n"
    links = "[ours](01_good_mlp.ipynb), [web](https://example.org/) $k^2$\n\n"
    (folder / "secret.py").touch()
    secret = f"{'../' * 20}{folder}/secret.py"  # from wherever Sphinx works
    links += f"[a]({secret}), ![b]({secret}), {{download}}`{secret}`, [c]\n\n[c]: {secret}\n\n"
    write(folder / "01_good.ipynb", DEFAULTS, GOOD, TABLE)
    write(folder / "02_hostile.ipynb", DEFAULTS, HOSTILE, prose=links + hostile)
    write(folder / "03_bad.ipynb", DEFAULTS, "x = 1", "raise ValueError('no\\nway')")
    write(folder / "04_late.ipynb", DEFAULTS, "1")
    pages = [Page("01_good", "Good", {"model": "mlp", "seed": 3}, "_mlp")]
    pages += [Page("02_hostile", "Hostile"), Page("03_bad", "Bad")]
    pages += [Page("04_late", "Late", {"runs_dir": "runs"})]
    out, told = folder / "{x} <img src=x onerror=evil()>", io.StringIO()
    with pytest.raises(UserError) as caught, redirect_stdout(told):
        build(out, pages=pages, notebooks=folder)
    return SimpleNamespace(out=out, told=told.getvalue(), error=caught.value)


def test_finished_pages_stay_and_the_message_names_the_cell(made):
    told = r"03_bad\.ipynb stopped in code cell 3 of 3: ValueError: no way \(.*stopped\.ipynb\)"
    assert re.fullmatch(told, str(made.error))
    there = {path.stem for path in made.out.glob("*.html")}
    assert {"01_good_mlp", "02_hostile", "index", "search"} <= there
    assert not {"03_bad", "04_late"} & there
    assert "04_late" not in made.told
    assert re.search(r"(?m)^\[1/4\] 01_good_mlp done in \d+ s$", made.told)


def test_a_page_shows_figures_boxes_tables_and_parameters(made):
    html = (made.out / "01_good_mlp.html").read_text()
    assert 'alt="A &quot;line&quot;: up"' in html
    assert re.search(r'caption-number">Fig. 1 .*caption-text">Up; n = 1\.', html)
    assert "<strong>In short.</strong> It is <strong>so" in html
    assert "threads 1" in html
    assert '<td class="words">word</td>' in html
    assert "What is in 01_good? (Good)" in html
    assert 'seed</span> <span class="o">=</span> <span class="mi">3' in html
    assert html.count("<summary") == 2  # folded: parameters, imports
    assert (made.out / "figures" / "01_a.png").exists()
    downloaded = made.out / "_sources" / "01_good_mlp.ipynb"
    assert downloaded.read_bytes() == (made.out / "01_good_mlp.ipynb").read_bytes()


def test_what_is_hostile_runs_nothing_and_nothing_is_loaded(made):
    for path in made.out.glob("*.html"):
        html = path.read_text()
        assert re.findall(r"<[^>]*evil[^>]*>|<script[^>]*>[^<]*evil|javascript:", html) == [], path
        assert re.findall(r"""(?:src|href)=["']?(?:https?:)?//[^>]+(?:js|css|png)""", html) == []
    html = (made.out / "02_hostile.html").read_text()
    assert "in the table" in html
    assert 'href="https://example.org/"' in html
    assert 'href="01_good_mlp.html"' in html
    assert not list(made.out.rglob("secret*"))
    assert "<msup>" in html


def test_a_stopped_report_goes_on_unless_what_it_is_made_from_has_changed(tmp_path, monkeypatch):
    def first_page_only(jobs, *_):
        began[:] = [job.source.stem for job in jobs]
        jobs[-1].target.touch()
        raise KeyboardInterrupt

    def begins(seed, digits):
        monkeypatch.setattr(report, "load", lambda _: SimpleNamespace(fingerprint=digits))
        pages = [Page("01_a", "A", {"seed": seed}), Page("02_b", "B")]
        with suppress(KeyboardInterrupt):
            build(tmp_path / "out", pages=pages, notebooks=tmp_path)
        return began

    began, both = [], ["02_b", "01_a"]
    monkeypatch.setattr(report, "run", first_page_only)
    monkeypatch.setattr(book, "write", lambda *_: "index.html")
    for name in both:
        write(tmp_path / f"{name}.ipynb", DEFAULTS)
    for settings in ((0, "old"), (1, "old"), (1, "new")):
        assert begins(*settings) == both
        assert begins(*settings) == ["02_b"]
    write(tmp_path / "02_b.ipynb", DEFAULTS, "2")
    assert begins(1, "new") == both
    monkeypatch.setattr(report, "run", lambda *_: [])
    begins(1, "new")
    monkeypatch.setattr(report, "run", first_page_only)
    assert begins(1, "new") == both  # that one was whole
    assert {path.name for path in (tmp_path / "out").iterdir()} == {MARK, "01_a.ipynb"}


def test_notebooks_run_side_by_side(tmp_path, monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    write(tmp_path / "01_a.ipynb", DEFAULTS, MEETING.format("a", "b"))
    write(tmp_path / "02_b.ipynb", DEFAULTS, MEETING.format("b", "a"))
    monkeypatch.setattr(book, "write", lambda out, pages: out / "index.html")
    pages = (Page("01_a", "A"), Page("02_b", "B"))
    build(tmp_path / "out", pages=pages, notebooks=tmp_path)
    assert len(list((tmp_path / "out").glob("*.ipynb"))) == 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_however_a_report_is_stopped_its_kernels_end(how, tmp_path):
    write(tmp_path / "01_a.ipynb", DEFAULTS, "open('began', 'w'); import time; time.sleep(600)")
    code = "from pathlib import Path; from mnistlib.report import Page, build; "
    code += "build('out', pages=[Page('01_a', 'A')], notebooks=Path('.').resolve())"
    call = [sys.executable, "-c", code]
    paths = {**os.environ, "PYTHONPATH": str(ROOT)}
    driver = subprocess.Popen(call, cwd=tmp_path, env=paths, stderr=subprocess.DEVNULL)
    while not (tmp_path / "out" / "began").exists():
        assert driver.poll() is None
        time.sleep(0.05)
    children = psutil.Process(driver.pid).children(recursive=True)
    assert len(children) >= 2  # papermill's process and the kernel
    driver.send_signal(how)
    driver.wait(timeout=30)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def test_digits_travel_as_a_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_DIR", "digits")
    assert report._environment(None) == {"MNIST_DIR": str(tmp_path / "digits")}
    runpy.run_path(str(NOTEBOOKS / "conftest.py"))
    assert os.environ["MNIST_DIR"] == str(tmp_path / "digits")


def test_without_digits_or_in_a_folder_with_files_of_others_nothing_is_touched(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UserError, match="no report wrote"):
        build(tmp_path)
    with pytest.raises(UserError, match="none"):
        build(tmp_path / "out", data_dir=tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_index_is_loud_about_the_sample_and_says_which_pages_are_about_mnist(monkeypatch):
    monkeypatch.setattr(book, "headline_table", lambda runs: "")
    run = SimpleNamespace(dataset={"name": "sample", "n_train": 8, "n_test": 4})
    kept = nb.new_notebook(cells=[nb.new_markdown_cell("# T?")])
    kept.metadata.mnistlib = {"outputs_from": "runs"}
    pages = [(Page("a", "A"), kept), (Page("b", "B", {"runs_dir": "runs"}), kept)]
    text = book.index([run], pages)
    assert "This is not MNIST" in text
    assert text.count("about MNIST: from the records") == 1
    assert "This is not MNIST" not in book.index([], pages)


def test_a_formula_is_drawn_without_a_network_and_its_text_is_escaped():
    html = formula(r"\begin{array}{lr} a & 1 \\ \hline b & 2{,}000 \end{array}", display=True)
    assert html.count("<mtr>") == 2
    assert "border-top" in html
    assert "<script>" not in formula(r"\text{<script>}", False) + formula(r"\foo{<script>}", False)


def test_refreshed_notebooks_hold_outputs_and_whole_metadata(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "load", lambda: SimpleNamespace(name="MNIST"))
    for name in ("ROOT", "NOTEBOOKS", "FIGURES"):
        monkeypatch.setattr(report.base, name, tmp_path)
    (tmp_path / "README.md").write_text((ROOT / "README.md").read_text())
    write(tmp_path / "01_good.ipynb", DEFAULTS, GOOD)
    report.refresh(["01_good"])
    notebook = nbformat.read(tmp_path / "01_good.ipynb", as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "mnistlib"}
    assert notebook.metadata.language_info.file_extension == ".py"
    assert notebook.metadata.mnistlib.sources == source_hash(notebook)
    assert "threads 1" in str(notebook.cells[2].outputs)
    assert (tmp_path / "01_a.png").exists()
