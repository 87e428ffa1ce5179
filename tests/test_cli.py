import os
import re
import subprocess
import sys
import warnings

import pytest

from mnistlib import base
from mnistlib.__main__ import main
from mnistlib.dataset import export, load
from mnistlib.runs import load_all


def test_training_that_was_stopped_goes_on_and_writes_record_and_weights(
    folder, tmp_path, capsys, monkeypatch
):
    call = ["train", "mlp", "--epochs", "3", "--seed", "4"]
    call += ["--data", str(folder), "--out", str(tmp_path)]

    def stop(number, values):
        if number == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mnistlib.commands._print_epoch", stop)
        assert main(call) == 130
    (aside,) = (tmp_path / "runs" / "unfinished").iterdir()
    for again in (f"going on from {aside}", "epoch   1"):  # at last, there is nothing to go on from
        capsys.readouterr()
        assert main(call) == 0
        told = capsys.readouterr().out.splitlines()
        assert told[1].startswith(again)
        (run,) = load_all(tmp_path / "runs")
        values = {name: curve[-1] for name, curve in run.history.items()}
        (line,) = [line for line in told if line.startswith("epoch   3")]
        assert f"train loss {values['train_loss']:.4f}" in line
        assert f"test loss {values['test_loss']:.4f}" in line
        assert f"accuracy {values['test_accuracy']:.2%}" in line
        assert not aside.exists()
    assert (run.recipe.epochs, run.seed) == (3, 4)
    assert len(list((tmp_path / "weights").glob("*.safetensors"))) == 1


def test_digits_in_a_folder_of_any_name_can_be_trained_on(tiny, tmp_path):
    folder = tmp_path / os.fsdecode(b"$\\foo{$ <b>\ntwo lines, no utf-8: \xff")
    export(tiny, folder)
    call = [sys.executable, "-m", "mnistlib", "train", "mlp", "--epochs", "1"]
    call += ["--data", str(folder), "--out", str(folder / "out")]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(call, env=strict, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    (run,) = load_all(folder / "out" / "runs")
    assert run.dataset["name"].isprintable()


def test_export_and_data_agree_on_the_digits_and_overwrite_nothing_untold(folder, tmp_path, capsys):
    again = tmp_path / "again"
    call = ["export", "--data", str(folder), "--out", str(again)]
    assert main(call) == 0
    written = [f"wrote {again / name}" for name in ("train.tar", "test.tar")]
    assert capsys.readouterr().out.splitlines() == written
    assert main(["data", "--data", str(again)]) == 0
    lines = capsys.readouterr().out.splitlines()
    data = load(folder)
    assert lines[:3] == [
        "again: 200 training and 100 test digits",
        f"found in {again}",
        f"fingerprint {data.fingerprint}",
    ]
    assert f"sha256 {data.test.digests[1]} (not MNIST)" in lines[6]
    assert main(call) == 2
    assert re.search(r"train\.tar.*already there.*--overwrite", capsys.readouterr().err)
    assert main([*call, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "lenet"], "Did you mean 'lenet5'? Valid: lenet5, mlp, lenet5_reg"),
        (["train", "mlp", "--epochs", "-1"], "epochs=-1 is out of range"),
        (["train", "os:getcwd"], "'os:getcwd' is no class of networks; give a torch.nn.Module"),
        (["train", "torch.nn:Linear"], "missing 2 required positional arguments"),
        (["train", "mlp", "--seed", "-1"], "seed=-1 is out of range; give 0 to 4294967295"),
        (["train", "mlp", "--seed", "4294967296"], "give 0 to 4294967295"),
        (["train", "mlp", "--device", "warp"], "string: warp); try 'cpu'"),
        (["train", "mlp", "--device", "meta"], "device 'meta' is not to be had"),
        (["train", "mlp", "--out", f"{__file__}/x"], "test_cli.py is no folder; give another"),
        (["train", "mlp", "--out", str(base.RUNS)], "holds results on MNIST only"),
        (["report", "--out", f"{__file__}/x"], "test_cli.py is no folder; give another"),
        (["study", "--out", f"{__file__}/x"], "test_cli.py is no folder; give another"),
        (["study", "--out", str(base.RUNS)], "holds results on MNIST only"),
        (["study", "--only", "lenet"], "unknown row 'lenet'. Did you mean 'lenet5'? Valid: lenet5"),
        (["study", "--seeds", "9-0"], "seeds '9-0'"),
        (["study", "--epochs", "0"], "epochs=0 is out of range"),
        (["study", "--jobs", "0"], "jobs=0"),
        (["study", "--scheduler", "foo"], "foo: no scheduler answers"),
        (["study", "--scheduler", "nonsense://here:1"], "no scheduler answers"),
        (["study", "--scheduler", "tcp://127.0.0.1:9"], "no scheduler answers"),
        (["data", "--data", "/nowhere"], "/nowhere"),
        (["data", "--data", "~nobody-here/x"], "~nobody-here/x: no train digits"),
        ([], "the following arguments are required: COMMAND; see python -m mnistlib --help"),
        (["trian"], "invalid choice: 'trian'"),
        (["train", "--epochs", "x"], "'x'; see python -m mnistlib train --help"),
        (["study", "--dry-run=false"], "argument --dry-run: ignored explicit argument 'false'"),
        (["train", "--epoks", "3"], "unrecognized arguments: --epoks"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments, message, folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MNIST_DIR", str(folder))
    monkeypatch.setattr(base, "OUT", tmp_path)
    monkeypatch.setattr("mnistlib.study.SECONDS_TO_ANSWER", 0.5)
    try:
        code = main(arguments)
    except SystemExit as stopped:  # by argparse
        code = stopped.code
    assert code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.startswith("mnistlib: error: ")
    assert printed.count("\n") == 1


def test_the_home_folder_is_known_to_options(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x").symlink_to(folder)
    assert main(["export", "--data", "~/x", "--out", "~/y"]) == 0
    assert (tmp_path / "y" / "train.tar").exists()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError("nothing\nleft"), "nothing left"),
        (OSError(28, "No space left on device", "x"), "x: No space left on device"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(), "OSError"),
    ],
)
def test_what_the_system_refuses_is_one_line(error, line, monkeypatch, capsys):
    def refuse(*_):
        raise error

    monkeypatch.setattr("mnistlib.dataset.load", refuse)
    assert main(["data"]) == 2
    assert capsys.readouterr().err == f"mnistlib: error: {line}\n"


def test_a_reader_that_has_gone_is_no_error(folder):
    read, write = os.pipe()
    os.close(read)
    call = [sys.executable, "-m", "mnistlib", "data", "--data", str(folder)]
    answer = subprocess.run(call, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (answer.returncode, answer.stderr) == (141, b"")


def test_a_warning_is_one_line_without_a_source(folder, tmp_path, capsys):
    (tmp_path / "bad.json").write_text("{")
    options = ["--only", "mlp", "--dry-run", "--data", str(folder), "--out", str(tmp_path)]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["study", *options]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    bad = tmp_path / "bad.json"
    assert line.startswith(f"mnistlib: warning: record left out: {bad}: no record of a run")


def test_help_loads_no_slow_library_and_so_answers_at_once(capsys):
    for command in ("report", "train", "study", "data", "export", "bench"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert f"usage: python -m mnistlib {command}" in capsys.readouterr().out
    call = [sys.executable, "-X", "importtime", "-m", "mnistlib", "train", "--help"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"\| +(\S+)$", done.stderr, re.M))
    assert "argparse" in loaded
    slow = {"torch", "torchvision", "numpy", "scipy", "pandas", "matplotlib", "papermill"}
    assert loaded & {*slow, "sklearn", "joblib", "dask"} == set()
