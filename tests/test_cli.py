import subprocess
import sys
import time

import pytest

from mnistlib import paths
from mnistlib.__main__ import main
from mnistlib.dataset import export, load
from mnistlib.runs import load_all


@pytest.fixture
def folder(tiny, tmp_path):
    export(tiny, tmp_path / "digits")
    return tmp_path / "digits"


def test_train_prints_a_line_an_epoch_and_writes_record_weights_and_curves(
    folder, tmp_path, capsys
):
    out = tmp_path / "out"
    options = ["--epochs", "2", "--seed", "4", "--data", str(folder), "--out", str(out)]
    assert main(["train", "mlp", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    (run,) = load_all(out / "runs")
    assert (run.recipe.epochs, run.seed) == (2, 4)
    for number, line in enumerate([x for x in lines if x.startswith("epoch")]):
        assert f"train loss {run.history['train_loss'][number]:.4f}" in line
        assert f"test loss {run.history['test_loss'][number]:.4f}" in line
        assert f"accuracy {run.history['test_accuracy'][number]:.2%}" in line
    assert len(list((out / "weights").glob("*.safetensors"))) == 1
    assert next((out / "figures").glob("*_curves.png")).read_bytes().startswith(b"\x89PNG")


def test_export_and_data_agree_on_what_the_digits_are(folder, tmp_path, capsys):
    assert main(["export", "--data", str(folder), "--out", str(tmp_path / "again")]) == 0
    assert load(tmp_path / "again").fingerprint == load(folder).fingerprint
    assert main(["data", "--data", str(folder)]) == 0
    assert "200" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "lenet"], "Did you mean 'lenet5'? Valid: lenet5, mlp, lenet5_reg"),
        (["train", "mlp", "--epochs", "-1"], "epochs=-1 is out of range"),
        (["train", "mlp", "--data", "/nowhere"], "/nowhere"),
        (["data", "--data", "/nowhere"], "/nowhere"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(arguments, message, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.startswith("mnistlib: error: ")
    assert printed.count("\n") == 1


def test_training_on_other_digits_keeps_out_of_what_git_keeps(folder, capsys):
    for out in (paths.RUNS, paths.ROOT):
        assert main(["train", "mlp", "--data", str(folder), "--out", str(out)]) == 2
        assert "holds results on MNIST only" in capsys.readouterr().err


def test_export_does_not_overwrite_unless_told(folder, capsys):
    again = ["export", "--data", str(folder), "--out", str(folder)]
    assert main(again) == 2
    assert "train.tar" in capsys.readouterr().err
    assert main([*again, "--overwrite"]) == 0


def test_ctrl_c_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr("mnistlib.dataset.loading.load", _interrupt)
    assert main(["data"]) == 130
    assert capsys.readouterr().err == "mnistlib: stopped; files that were finished stay\n"


def _interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("command", ["", "report", "train", "study", "data", "export", "bench"])
def test_help_answers_at_once(command):
    start = time.perf_counter()
    call = [sys.executable, "-m", "mnistlib", *command.split(), "--help"]
    answer = subprocess.run(call, capture_output=True, text=True, check=True)
    assert "usage: python -m mnistlib" in answer.stdout
    assert time.perf_counter() - start < 5  # far above the usual 0.1 s: other work may run


def test_help_loads_no_slow_library():
    slow = {"torch", "torchvision", "numpy", "pandas", "matplotlib", "papermill", "sklearn"}
    code = (
        "import sys\nfrom mnistlib.__main__ import main\n"
        "try:\n    main(['train', '--help'])\nexcept SystemExit:\n    pass\n"
        "print('loaded:', *sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(answer.stdout.rpartition("loaded:")[2].split())
    assert not loaded & slow
