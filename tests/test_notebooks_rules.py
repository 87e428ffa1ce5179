"""The rules of the house that every notebook in git keeps."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

from mnistlib.base import NOTEBOOKS, ROOT
from mnistlib.execution import KERNEL, WIDGET, source_hash
from mnistlib.report.book import TEX

NOTEBOOK_FILES = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
LONGEST_CELL = 15  # lines
MACHINE = re.compile(r"/(home|Users|root|tmp|work|var|opt|mnt)/|[A-Z]:\\\\")  # starts of paths
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@pytest.fixture(params=NOTEBOOK_FILES, ids=lambda path: path.stem, scope="module")
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code(notebook) for output in cell.outputs]


def test_is_valid_with_the_plain_kernel_and_no_leftovers(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec == KERNEL
    assert set(notebook.metadata) == {"kernelspec", "language_info", "mnistlib"}
    assert notebook.metadata.language_info.keys() >= {"codemirror_mode", "mimetype", "version"}
    assert notebook.metadata.language_info.file_extension == ".py"
    assert not any(WIDGET in output.get("data", {}) for output in outputs(notebook))


def test_was_executed_in_one_run_of_the_present_sources_without_a_warning(notebook):
    counts = [cell.execution_count for cell in code(notebook)]
    message = "outputs are out of date; run: make notebooks"
    assert notebook.metadata.mnistlib.sources == source_hash(notebook), message
    assert counts == list(range(1, len(counts) + 1))
    assert notebook.metadata.mnistlib.outputs_from in ("MNIST", "runs")
    assert [out for out in outputs(notebook) if out.get("name", out.output_type) == "stderr"] == []


def test_defines_nothing_in_short_cells(notebook):
    trees = [ast.parse(cell.source) for cell in code(notebook)]
    found = [node for tree in trees for node in ast.walk(tree) if isinstance(node, DEFINITIONS)]
    assert [ast.unparse(node)[:60] for node in found] == []
    long = [cell.source for cell in code(notebook) if cell.source.count("\n") >= LONGEST_CELL]
    assert long == []


def test_names_no_path_of_a_machine(notebook):
    texts = [cell.source for cell in notebook.cells]
    for output in outputs(notebook):
        texts += [output.get("text", "")]
        texts += [str(v) for k, v in output.get("data", {}).items() if k.startswith("text/")]
    assert [text for text in texts if MACHINE.search(text)] == []


def test_asks_a_question_and_says_early_what_it_reads_and_writes_and_what_came_out(notebook):
    first = notebook.cells[0].source
    assert re.match(r"# .+\?\n", first)
    assert "**Reads**" in first
    assert "**Writes**" in first
    early = outputs(nbformat.from_dict({"cells": notebook.cells[:12]}))
    assert any("**In short.**" in out.get("data", {}).get("text/markdown", "") for out in early)


def test_explains_and_checks_each_parameter(notebook, request):
    cells = code(notebook)
    [place] = [i for i, c in enumerate(cells) if "parameters" in c.metadata.get("tags", [])]
    found = papermill.inspect_notebook(str(NOTEBOOKS / f"{request.node.callspec.id}.ipynb"))
    assert len(found) == len(cells[place].source.splitlines())
    assert all(one["help"] and one["inferred_type_name"] != "None" for one in found.values())
    assert "check(" in cells[place + 1].source
    assert [name for name in found if f"{name}=" not in cells[place + 1].source] == []


def test_each_figure_has_alt_text_and_a_caption_below(notebook):
    for cell in code(notebook):
        for place, output in enumerate(cell.outputs):
            if "image/png" in output.get("data", {}):
                assert output.metadata["image/png"].alt.strip()
                assert "caption" in cell.outputs[place + 1].metadata.mnistlib


def test_its_formulas_can_be_set_and_its_links_lead_somewhere(notebook):
    for text in [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]:
        for block, inline in re.findall(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$]+?)\$", text, re.S):
            TEX.convert_with_local_state(block or inline, displaystyle=bool(block))
        for url in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (NOTEBOOKS / Path(url)).exists(), url


def test_lint_looks_at_notebooks_here_and_at_none_that_papermill_wrote(tmp_path):
    bad = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import os;x  =1")])
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("out", "trial", "notebooks/new"):  # as in a download that is no git checkout
        (tmp_path / name).parent.mkdir(exist_ok=True)
        nbformat.write(bad, tmp_path / f"{name}.ipynb")
    call = [sys.executable, "-m", "ruff", "format", "--check", "."]
    told = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert re.findall(r"\S+\.ipynb", told) == ["notebooks/new.ipynb"]
