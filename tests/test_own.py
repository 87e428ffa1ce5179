"""A model and a technique of one's own: README's example as it stands, and what follows from it."""

import os
import re
import subprocess
import sys

import papermill
import pytest
from distributed import LocalCluster

from mnistlib.base import NOTEBOOKS, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = next(code for code in re.findall(r"```python\n(.*?)```", README, re.S) if "Wide" in code)
AFTERWARDS = """
from mnistlib import counting, plots
from mnistlib.config import row_name
from mnistlib.runs import load_all

found = load_all("out/trials", strict=True)
print(sorted({row_name(run.recipe) for run in found}), len(found))
print(counting.table("wide").loc["total", "parameters"])
print(plots.title("wide"), len(plots.colours(["lenet5", "wide"])))
again = study(recipes, seeds=range(8), data=data, folder="out/trials")
assert [run.key for run in again] == [run.key for run in runs]
"""


def run(code, folder, cwd):
    (cwd / "example.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "MNIST_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    call = [sys.executable, "example.py"]
    done = subprocess.run(
        call, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.alone
def test_readmes_example_runs_as_it_stands(folder, tmp_path):
    said = run(EXAMPLE + AFTERWARDS, folder, tmp_path)
    assert "24 runs: 0 found, 24 to make" in said
    assert "24 runs: 24 found, 0 to make" in said
    assert "['lenet5', 'lenet5 + cutout', 'wide'] 24" in said
    assert f"\n{784 * 140 + 140 + 140 * 10 + 10}\n" in said
    assert "Twice as wide 2" in said
    assert len(list((tmp_path / "out/trials/lenet5+cutout").glob("seed-0[0-7].json"))) == 8
    table = [line.split()[0] for line in said.splitlines() if re.match(r"(lenet5|wide) .*\d", line)]
    assert table == ["lenet5", "wide", "lenet5"]


@pytest.mark.alone
def test_it_runs_on_dask_workers_to_the_same_bits(folder, tmp_path):
    short = re.sub(r"(recipe\([^)]*)\)", r"\1, epochs=1)", EXAMPLE).replace("range(8)", "range(2)")
    short = re.sub(r"print\(compare.*", "print([run.predictions for run in runs])", short)
    here = run(short.replace('folder="', 'jobs=1, folder="here/'), folder, tmp_path)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        address = f'scheduler="{cluster.scheduler_address}", folder="there/'
        there = run(short.replace('folder="', address), folder, tmp_path)
    assert here.splitlines()[-1] == there.splitlines()[-1]


NETS = """
from torch import nn


class Wide(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 40), nn.ReLU(), nn.Linear(40, 10))
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_network_from_a_file_is_trained_by_the_notebook(folder, tmp_path, monkeypatch):
    (tmp_path / "mypackage").mkdir()
    (tmp_path / "mypackage" / "nets.py").write_text(NETS)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    given = {"model": "mypackage.nets:Wide", "epochs": 1, "data_dir": str(folder)}
    given["out_dir"] = str(tmp_path / "out")
    notebook, out = NOTEBOOKS / "02_train.ipynb", tmp_path / "out.ipynb"
    papermill.execute_notebook(notebook, out, given, progress_bar=False, kernel_name="python3")
    assert (tmp_path / "out/runs/wide_epochs=1/seed-00.json").exists()
    assert "31,810" in out.read_text() or "31810" in out.read_text()
