"""Whole reports, from small notebooks that are executed and bound for it."""

import io
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout, suppress
from types import SimpleNamespace

import nbformat
import nbformat.v4 as nb
import psutil
import pytest

from mnistlib import execution, report
from mnistlib.base import NOTEBOOKS, ROOT, UserError
from mnistlib.execution import KERNEL, Page, source_hash
from mnistlib.report import MARK, book, build

DEFAULTS = 'model: str = "mlp"  # m\nseed: int = 0  # s\nout_dir: str = ""  # o'
MEET = """import time; from pathlib import Path
Path("{}").touch()
while not Path("{}").exists(): time.sleep(0.01)"""
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


def write(path, *sources, prose=""):
    """A notebook with a cell of parameters first, whose kernel has an odd name, or none."""
    cells = [nb.new_markdown_cell(f"# What is in {path.stem}?\n\n{prose}")]
    cells += [nb.new_code_cell(source) for source in (DEFAULTS, *sources)]
    cells[1].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3111jvsc74a57bd0", "display_name": "P", "language": "python"}
    about = {} if prose else {"kernelspec": kernel}
    nbformat.write(nb.new_notebook(cells=cells, metadata=about), path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A report of three pages in a folder with a hostile name: one is hostile, one fails and one
    waits for it; the first two wait for each other."""
    folder = tmp_path_factory.mktemp("made")
    prose = "<script>evil()</script>\n\n```{raw} html\n<script>evil()</script>\n```\n\n"
    prose += "[ours](01_good_mlp.ipynb), [web](https://example.org/), $k^2$, "
    prose += "$\\foo{<script>evil()}$, $\\text{<script>evil()}$\n\n"
    prose += r"$$\begin{array}{lr} a & 1 \\ \hline b & 2{,}000 \end{array}$$" + "\n\n"
    secret = f"{'../' * 20}{folder}/secret.py"  # from wherever Sphinx works
    prose += f"[a]({secret}), ![b]({secret}), {{download}}`{secret}`, [c]\n\n[c]: {secret}\n\n"
    (folder / "secret.py").touch()
    write(folder / "01_good.ipynb", MEET.format("a", "b"), GOOD, TABLE, HOSTILE, prose=prose)
    write(folder / "02_bad.ipynb", MEET.format("b", "a"), "raise ValueError('no\\nway')")
    pages = [Page("01_good", "Good", {"model": "mlp", "seed": 3}, "_mlp"), Page("02_bad", "Bad")]
    pages += [Page("03_late", "Late", {"runs_dir": "runs"})]
    out, told = folder / "{x} <img src=x onerror=evil()>", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(told):
        patch.setattr(execution, "cpu_count", lambda: 2)
        with pytest.raises(UserError) as caught:
            build(out, pages=pages, notebooks=folder)
    return SimpleNamespace(out=out, told=told.getvalue(), error=str(caught.value))


def test_finished_pages_stay_and_the_message_names_the_cell(made):
    told = r"02_bad\.ipynb stopped in cell \[4\]: ValueError: no way \(up to .*stopped\.ipynb\)"
    assert re.fullmatch(told, made.error)
    there = {path.stem for path in made.out.glob("*.html")}
    assert {"01_good_mlp", "index", "search"} <= there
    assert not {"02_bad", "03_late"} & there
    assert "03_late" not in made.told
    assert 'href="01_good_mlp.html"' in (made.out / "index.html").read_text()
    assert re.search(r"(?m)^01_good_mlp done in \d+ s$", made.told)


def test_a_page_shows_figures_boxes_tables_parameters_and_formulas(made):
    html = (made.out / "01_good_mlp.html").read_text()
    assert 'alt="A &quot;line&quot;: up"' in html
    assert re.search(r'caption-number">Fig. 1 .*caption-text">Up; n = 1\.', html)
    assert "<strong>In short.</strong> It is <strong>so" in html
    assert "threads 1" in html
    assert '<td class="words">word</td>' in html
    assert "What is in 01_good? (Good)" in html
    assert 'seed</span> <span class="o">=</span> <span class="mi">3' in html
    assert html.count("<summary") == 4  # folded: parameters, and what begins with imports
    assert "<msup>" in html
    assert html.count("<mtr>") == 2
    assert "border-top" in html  # the array's line
    assert (made.out / "figures" / "01_a.png").exists()
    downloaded = made.out / "_sources" / "01_good_mlp.ipynb"
    assert downloaded.read_bytes() == (made.out / "01_good_mlp.ipynb").read_bytes()


def test_what_is_hostile_runs_nothing_and_nothing_is_loaded(made):
    for path in made.out.glob("*.html"):
        html = path.read_text()
        assert re.findall(r"<[^>]*evil[^>]*>|<script[^>]*>[^<]*evil|javascript:", html) == [], path
        assert re.findall(r"""(?:src|href)=["']?(?:https?:)?//[^>]+(?:js|css|png)""", html) == []
    html = (made.out / "01_good_mlp.html").read_text()
    assert "in the table" in html
    assert 'href="https://example.org/"' in html
    assert 'href="#"><span class="std std-doc">ours' in html
    assert not list(made.out.rglob("secret*"))


def test_refreshed_notebooks_have_whole_metadata_and_their_figures(made, tmp_path, monkeypatch):
    def run(pages, notebooks, out, folder, variables):
        assert (pages, notebooks) == ([Page("01_good")], folder)
        shutil.copy(made.out / "01_good_mlp.ipynb", out / "01_good.ipynb")

    monkeypatch.setattr(report, "run", run)
    monkeypatch.setattr(report, "load", lambda: SimpleNamespace(name="MNIST"))
    for name in ("ROOT", "NOTEBOOKS", "FIGURES", "OUT"):
        monkeypatch.setattr(report.base, name, tmp_path)
    monkeypatch.setattr(report, "readme", str.upper)
    (tmp_path / "README.md").write_text("text")
    report.refresh(["01_good"])
    assert (tmp_path / "README.md").read_text() == "TEXT"
    notebook = nbformat.read(tmp_path / "01_good.ipynb", as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "mnistlib"}
    assert notebook.metadata.kernelspec == KERNEL
    assert notebook.metadata.language_info.file_extension == ".py"
    assert notebook.metadata.mnistlib.sources == source_hash(notebook)
    assert (tmp_path / "01_a.png").exists()


RUN = """import sys; from mnistlib.execution import Page, Path, run
out, notebooks = map(Path, sys.argv[1:3])
run(list(map(Page, sys.argv[3:])), notebooks, out, out, {})"""


def stop(*_):
    raise KeyboardInterrupt


def test_however_a_report_is_stopped_its_kernels_end_and_it_goes_on(tmp_path, monkeypatch):
    out, quick = tmp_path / "out", tmp_path / "out" / "02_quick.ipynb"
    write(tmp_path / "01_waits.ipynb", MEET.format("began", "go"))
    write(tmp_path / "02_quick.ipynb")
    given = {"pages": [Page("01_waits", "A"), Page("02_quick", "B")], "notebooks": tmp_path}
    with monkeypatch.context() as patch:
        patch.setattr(report, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            build(out, **given)
    call, missing = [sys.executable, "-c", RUN, out, tmp_path], ["02_quick", "01_waits"]
    for how in (signal.SIGINT, signal.SIGKILL):
        paths = {**os.environ, "PYTHONPATH": str(ROOT)}
        driver = subprocess.Popen([*call, *missing], env=paths, stderr=subprocess.DEVNULL)
        while not ((out / "began").exists() and quick.exists()):
            assert driver.poll() is None
            time.sleep(0.02)
        children = psutil.Process(driver.pid).children(recursive=True)
        assert len(children) >= 2  # papermill's process and the kernel
        driver.send_signal(how)
        driver.wait(timeout=30)
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []
        (out / "began").unlink()
        missing = ["01_waits"]
    (out / "go").touch()
    written = quick.stat().st_mtime_ns
    monkeypatch.setattr(book, "write", lambda out, pages: out / "index.html")
    build(out, **given)
    assert quick.stat().st_mtime_ns == written
    assert (out / "01_waits.ipynb").exists()
    assert (out / MARK).read_bytes() == b""  # the next one starts anew


def test_what_is_unfinished_stays_unless_what_it_is_made_from_has_changed(tmp_path, monkeypatch):
    def stays(digits, seed=0):
        """Whether a page is there where the pages that are missing would be made."""
        monkeypatch.setattr(report, "load", lambda _: SimpleNamespace(fingerprint=digits))
        with suppress(KeyboardInterrupt):
            build(out, pages=[Page("01_a", "A", {"seed": seed})], notebooks=tmp_path)
        stayed = (out / "page").exists()
        (out / "page").touch()
        return stayed

    out = tmp_path / "out"
    write(tmp_path / "01_a.ipynb")
    monkeypatch.setattr(report, "run", stop)
    assert [stays("old"), stays("old"), stays("new"), stays("new")] == [False, True, False, True]
    assert [stays("new", seed=1), stays("new", seed=1)] == [False, True]
    write(tmp_path / "01_a.ipynb", "2")
    assert [stays("new", seed=1), stays("new", seed=1)] == [False, True]
    (out / MARK).write_bytes(b"")  # as after a whole report
    assert not stays("new", seed=1)


def test_digits_travel_as_a_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_DIR", "digits")
    assert report._variables(None)["MNIST_DIR"] == str(tmp_path / "digits")
    runpy.run_path(str(NOTEBOOKS / "conftest.py"))
    assert os.environ["MNIST_DIR"] == str(tmp_path / "digits")


def test_without_digits_or_in_a_folder_with_files_of_others_nothing_is_touched(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UserError, match="no report wrote"):
        build(tmp_path)
    with pytest.raises(UserError, match="none"):
        build(tmp_path / "out", data_dir=tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_index_is_loud_about_the_sample(monkeypatch):
    monkeypatch.setattr(book, "headline_table", lambda runs: "")
    run = SimpleNamespace(dataset={"name": "sample", "n_train": 8, "n_test": 4})
    assert "This is not MNIST" in book.index([run], [])
    assert "This is not MNIST" not in book.index([], [])
