"""One recipe, seed and machine give the same bits wherever the run is made."""

import json
import os
import subprocess
import sys

import papermill
import pytest

from mnistlib.base import NOTEBOOKS
from mnistlib.config import recipe
from mnistlib.dataset import export, load
from mnistlib.runs import CURVES, load_all
from mnistlib.study import study
from mnistlib.train import fit

GIVEN = recipe("lenet5_reg", epochs=1)


def told(run):
    """What two runs must have in common: all but the seconds."""
    curves = {curve: run.history[curve] for curve in CURVES if curve != "seconds"}
    return run.key, curves, run.predictions, run.versions, run.threads


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    export(tiny, folder)
    return folder


@pytest.fixture(scope="module")
def here(folder):
    return told(fit(GIVEN, load(folder), 3, progress=False))


def test_on_the_command_line(folder, here, tmp_path):
    call = [sys.executable, "-m", "mnistlib", "train", GIVEN.model, "--epochs", "1", "--seed", "3"]
    subprocess.run([*call, "--data", str(folder), "--out", str(tmp_path)], check=True)
    assert [told(run) for run in load_all(tmp_path / "runs")] == [here]


def test_in_a_study(folder, here, tmp_path):
    (run,) = study([GIVEN], [3], load(folder), tmp_path, progress=False)
    assert told(run) == here


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_in_a_notebook_run_by_papermill(folder, here, tmp_path):
    given = {"model": GIVEN.model, "epochs": 1, "seed": 3}
    given |= {"data_dir": str(folder), "out_dir": str(tmp_path)}
    notebook, out = NOTEBOOKS / "02_train.ipynb", tmp_path / "out.ipynb"
    papermill.execute_notebook(notebook, out, given, progress_bar=False, kernel_name="python3")
    assert [told(run) for run in load_all(tmp_path / "runs")] == [here]


def test_whatever_number_of_threads_the_process_has(folder, here):
    code = (
        "import json, sys, torch; torch.set_num_threads(2)\n"
        "from mnistlib.config import recipe; from mnistlib.dataset import load\n"
        "from mnistlib.train import fit\n"
        f"run = fit(recipe('{GIVEN.model}', epochs=1), load(sys.argv[1]), 3, progress=False)\n"
        "print(json.dumps([run.key, run.history, run.predictions]))"
    )
    call = [sys.executable, "-c", code, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=True)
    key, history, predictions = json.loads(done.stdout)
    assert (key, predictions) == (here[0], here[2])
    assert {curve: history[curve] for curve in here[1]} == here[1]
