"""What people see: JupyterLab and the report's pages in a real browser, without a network."""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
from playwright.sync_api import expect, sync_playwright

from mnistlib.base import NOTEBOOKS, OUT, write_bytes
from mnistlib.dataset import export, sample
from mnistlib.execution import Page
from mnistlib.report import build

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FAR = re.compile(r"(https?|wss?)://(?!localhost|127\.0\.0\.1)")
LAB = """
c.LabApp.expose_app_in_browser = True
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
c.ServerApp.open_browser = False
c.ServerApp.allow_root = True
"""
ADDRESS = re.compile(r"(http://localhost:\d+/lab)(\?token=\w+)")
BAR = ".jp-OutputArea .progress-bar"
PATIENCE = 240  # seconds, on a busy machine
READY = "() => window.jupyterapp?.shell.currentWidget?.context?.isReady"
RUN = """async () => {
    await jupyterapp.shell.currentWidget.sessionContext.ready;
    jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.done = true; });
}"""
CELLS = "[...jupyterapp.shell.currentWidget.content.model.cells].map(cell => cell.toJSON())"
expect.set_options(timeout=60_000)
PAGES = (Page("03_compare", "The comparison"), Page("04_regularization", "Regularization"))


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        pytest.skip("no browser is installed; on Debian or Ubuntu: apt install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Addresses of copies of the notebooks in a JupyterLab that finds only the sample, by name."""
    folder = tmp_path_factory.mktemp("lab")
    for path in NOTEBOOKS.glob("[0-9]*.ipynb"):  # what they write must not mix with a user's
        text = path.read_text(encoding="utf-8")
        changed = text.replace('out_dir: str = \\"\\"', f'out_dir: str = \\"{folder / "out"}\\"')
        assert changed != text
        write_bytes(folder / "notebooks" / path.name, changed.encode())
    (folder / "config.py").write_text(LAB)
    export(sample(), folder / "digits")
    kept = {"MNIST_DIR": str(folder / "digits"), "JUPYTER_CONFIG_DIR": str(folder)}
    call = [sys.executable, "-m", "jupyterlab", f"--config={folder / 'config.py'}", "notebooks"]
    how, log = {"cwd": folder, "env": {**os.environ, **kept}}, folder / "log"
    with log.open("w") as told, subprocess.Popen(call, stderr=told, **how) as server:
        try:
            latest = time.monotonic() + PATIENCE
            while not (found := ADDRESS.search(log.read_text())):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < latest, log.read_text()
                time.sleep(0.2)
            yield lambda name: f"{found[1]}/workspaces/{name}/tree/{name}.ipynb{found[2]}"
        finally:
            server.terminate()


@pytest.fixture
def shots(browser):
    """Where screenshots are left to be looked at."""
    (folder := OUT / "screenshots").mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def opened(browser, address):
    """A page; nothing goes wrong on it, and it asks nothing of other machines."""
    page, wrong = browser.new_page(viewport={"width": 1280, "height": 900}), []
    page.set_default_timeout(1000 * PATIENCE)
    page.on("request", lambda asked: wrong.append(asked.url) if FAR.match(asked.url) else None)
    page.on("websocket", lambda asked: wrong.append(asked.url) if FAR.match(asked.url) else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    try:
        page.goto(address)
        yield page
    finally:
        page.close()
    assert wrong == []


@contextmanager
def running(browser, lab, name):
    """A notebook that is open in JupyterLab, all of whose cells have been asked to run."""
    with opened(browser, lab(name)) as page:
        page.wait_for_function(READY)
        page.evaluate(RUN)
        yield page


def expect_figures(page, picture):
    """Wait for all cells; none failed, and each figure is there with its caption."""
    page.wait_for_function("window.done")
    outputs = [output for cell in page.evaluate(CELLS) for output in cell.get("outputs", [])]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    images = page.locator(".jp-OutputArea img")
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    assert pictures > 0
    expect(images).to_have_count(pictures)
    expect(page.locator("strong", has_text="Figure.")).to_have_count(pictures)
    images.last.scroll_into_view_if_needed()
    page.screenshot(path=picture)


@pytest.mark.parametrize("name", ["01_data", "03_compare", "04_regularization", "05_report"])
def test_a_notebook_runs_in_jupyterlab_and_shows_its_figures(name, browser, lab, shots):
    with running(browser, lab, name) as page:
        expect_figures(page, shots / f"{name}.png")


def test_so_does_training_whose_bar_moves(browser, lab, shots):
    with running(browser, lab, "02_train") as page:
        bar, width = page.locator(BAR).first, "bar => bar.style.width"
        before = bar.evaluate(width)
        page.wait_for_function(
            f"old => ({width})(document.querySelector('{BAR}')) !== old", arg=before
        )
        expect_figures(page, shots / "02_train.png")


def test_what_is_drawn_with_mouse_or_keys_is_read_and_can_be_undone(browser, lab, shots):
    with running(browser, lab, "06_beyond") as page:
        expect_figures(page, shots / "06_beyond.png")
        canvas, said = page.locator(".mnistlib-draw canvas"), page.locator(".mnistlib-draw p")
        canvas.scroll_into_view_if_needed()
        stroke(page, canvas, (140, 40), (140, 240))
        ones = [re.compile(r".+: 1 \(\d+\.\d %\)")] * 3
        expect(said).to_have_text(ones)
        page.screenshot(path=shots / "drawn.png")
        stroke(page, canvas, (60, 240), (220, 240))
        stroke(page, canvas, (140, 40), (40, 90))
        stroke(page, canvas, (40, 90), (220, 90))
        expect(said).not_to_have_text(ones)
        for _ in range(3):
            page.get_by_role("button", name="Undo").click()
        expect(said).to_have_text(ones)
        page.get_by_role("button", name="Clear").click()
        expect(said).to_have_count(0)
        canvas.focus()
        for key in ["Space", *["ArrowDown"] * 8]:
            page.keyboard.press(key)
        expect(said).to_have_count(3)


def stroke(page, canvas, start, end):
    """Draw a line with the mouse, between points of the canvas."""
    box = canvas.bounding_box()
    (x, y), (to_x, to_y) = ((box["x"] + x, box["y"] + y) for x, y in (start, end))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=10)
    page.mouse.up()


def test_the_reports_search_and_links_work_from_a_folder(browser, tmp_path, shots):
    build(tmp_path / "report", pages=PAGES)
    index = (tmp_path / "report" / "index.html").as_uri()
    with opened(browser, index) as page:
        todo, seen = {index}, set()
        while todo:
            address = todo.pop()
            seen.add(address)
            page.goto(address)
            found = page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
            here = {link.partition("#")[0] for link in found if link.startswith("file:")}
            todo |= {link for link in here if link.endswith(".html")} - seen
            missing = [
                link for link in here if not Path(url2pathname(urlparse(link).path)).exists()
            ]
            assert missing == [], address
        assert {Path(address).stem for address in seen} >= {"index", *(p.slug for p in PAGES)}
        page.goto(index)
        page.keyboard.press("Control+k")
        page.locator("input[type=search]:visible").first.fill("convolution")
        page.keyboard.press("Enter")
        page.locator("#search-results li a").first.wait_for()
        page.screenshot(path=shots / "search.png")
        assert "03_compare" in page.locator("#search-results").inner_html()
