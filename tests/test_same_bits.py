"""One recipe, seed and machine give the same bits wherever the run is made."""

import os
import subprocess
import sys

import papermill
import pytest

from mnistlib.base import NOTEBOOKS
from mnistlib.config import recipe
from mnistlib.dataset import load
from mnistlib.runs import load_all
from mnistlib.study import study
from mnistlib.train import fit
from tests.same import untimed

GIVEN = recipe("lenet5_reg", epochs=1)


@pytest.fixture(scope="module")
def here(folder):
    return untimed(fit(GIVEN, load(folder), 3, progress=False))


def test_on_the_command_line_whatever_number_of_threads_the_process_has(folder, here, tmp_path):
    call = [sys.executable, "-m", "mnistlib", "train", GIVEN.model, "--epochs", "1", "--seed", "3"]
    call += ["--data", str(folder), "--out", str(tmp_path)]
    subprocess.run(call, env={**os.environ, "OMP_NUM_THREADS": "2"}, check=True)
    assert [untimed(run) for run in load_all(tmp_path / "runs")] == [here]


def test_in_a_study(folder, here, tmp_path):
    (run,) = study([GIVEN], [3], load(folder), tmp_path, progress=False)
    assert untimed(run) == here


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_in_a_notebook_run_by_papermill(folder, here, tmp_path):
    given = {"model": GIVEN.model, "epochs": 1, "seed": 3}
    given |= {"data_dir": str(folder), "out_dir": str(tmp_path)}
    notebook, out = NOTEBOOKS / "02_train.ipynb", tmp_path / "out.ipynb"
    papermill.execute_notebook(notebook, out, given, progress_bar=False, kernel_name="python3")
    assert [untimed(run) for run in load_all(tmp_path / "runs")] == [here]
