"""python -m mnistlib study, as people use it, stop it and kill it."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import psutil
import pytest

from mnistlib import base
from mnistlib.__main__ import main
from mnistlib.config import recipe
from mnistlib.dataset import export, load
from mnistlib.runs import load_all
from mnistlib.study import on_ctrl_c
from mnistlib.study_command import _stop_quietly
from mnistlib.train import fit

EPOCHS = 150  # of 200 digits: about a second, so that a driver can be met at work
SEEDS = 12  # so many that no driver hands them all in before it can be stopped


@pytest.fixture
def folder(tiny, tmp_path):
    export(tiny, tmp_path / "digits")
    return tmp_path / "digits"


def arguments(folder, out, *more):
    return ["study", "--data", str(folder), "--out", str(out), *more]


def started(folder, out, *more):
    """A driver in a session of its own, as a terminal would start it."""
    call = [sys.executable, "-m", "mnistlib", *arguments(folder, out, *more)]
    return subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for(condition, limit=60):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def records(out):
    return list(out.glob("*/seed-*.json"))


def is_alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def without_time(run):
    return {**vars(run), "history": {**run.history, "seconds": []}}


@pytest.mark.parametrize("how", ["kill -9", "Ctrl-C"])
def test_a_stopped_study_keeps_its_runs_and_a_restart_makes_the_rest(how, folder, tmp_path):
    out = tmp_path / "runs"
    options = ["--only", "mlp", "--seeds", f"0-{SEEDS - 1}", "--epochs", str(EPOCHS), "--jobs", "2"]
    driver = started(folder, out, *options)
    wait_for(lambda: records(out))
    workers = psutil.Process(driver.pid).children(recursive=True)
    if how == "kill -9":
        driver.kill()
    else:
        os.killpg(driver.pid, signal.SIGINT)  # what a terminal does: to workers as well
    _, err = driver.communicate(timeout=30)
    wait_for(lambda: not any(map(is_alive, workers)), limit=20)
    kept = {path: path.stat().st_mtime_ns for path in records(out)}
    assert 1 <= len(kept) < SEEDS
    if how == "Ctrl-C":
        assert driver.returncode == 130
        assert f"finished runs are in {out}, and the same command makes the rest" in err
        assert "Traceback" not in err
        assert "Warning" not in err

    again = started(folder, out, *options)
    stdout, err = again.communicate(timeout=60)
    assert again.returncode == 0
    missing = SEEDS - len(kept)
    assert f"{SEEDS} runs: {len(kept)} found, {missing} to make" in stdout
    assert re.search(rf"{missing}/{missing} \[.*run", err)  # the bar
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    made = load_all(out)
    assert [run.seed for run in made] == list(range(SEEDS))
    data = load(folder)
    for run in (made[0], made[-1]):  # one from before the stop, one from after it
        assert without_time(run) == without_time(fit(run.recipe, data, run.seed, threads=1))


def test_two_studies_at_once_on_one_folder_make_the_records_of_one(folder, tmp_path):
    options = ["--only", "mlp", "--seeds", "0-5", "--epochs", "5", "--jobs", "1"]
    both = [started(folder, tmp_path / "shared", *options) for _ in range(2)]
    for driver in both:
        _, err = driver.communicate(timeout=120)
        assert driver.returncode == 0, err
    assert main(arguments(folder, tmp_path / "alone", *options)) == 0
    shared, alone = (load_all(tmp_path / name, strict=True) for name in ("shared", "alone"))
    assert len(shared) == 6
    assert list(map(without_time, shared)) == list(map(without_time, alone))


def test_a_dry_run_makes_nothing_and_lists_every_row(folder, tmp_path, capsys):
    from mnistlib.config import ROWS

    out = tmp_path / "runs"
    assert main(arguments(folder, out, "--dry-run", "--seeds", "0-1")) == 0
    printed = capsys.readouterr().out
    assert all(f"\n{name} " in printed for name in ROWS)
    assert f"{2 * len(ROWS)} runs: 0 found, {2 * len(ROWS)} to make\n" in printed
    assert not out.exists()


def test_a_study_that_is_done_says_so(folder, tmp_path, capsys):
    options = ["--only", "mlp", "--seeds", "3", "--epochs", "1", "--jobs", "1"]
    assert main(arguments(folder, tmp_path / "runs", *options)) == 0
    assert "1 runs: 0 found, 1 to make" in capsys.readouterr().out
    assert main(arguments(folder, tmp_path / "runs", *options, "--dry-run")) == 0
    assert capsys.readouterr().out.endswith("1 runs: 1 found, 0 to make\nnothing left to do\n")


def test_failed_runs_are_listed_and_make_the_exit_code_1(folder, tmp_path, capsys, monkeypatch):
    diverging = recipe("mlp", epochs=8, learning_rate=100, weight_decay=10)
    rows = {"diverging": diverging, "mlp": recipe("mlp", epochs=1)}
    monkeypatch.setattr("mnistlib.study_command.ROWS", rows)
    assert main(arguments(folder, tmp_path / "runs", "--seeds", "0", "--jobs", "1")) == 1
    last = capsys.readouterr().err.splitlines()[-2:]
    assert last[0] == "mnistlib: error: 1 failed, all other runs are saved:"
    assert last[1].startswith("  diverging, seed 0: TrainingError: stopped in epoch")
    assert [run.recipe for run in load_all(tmp_path / "runs")] == [rows["mlp"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "lenet"], "unknown row 'lenet'. Did you mean 'lenet5'? Valid: lenet5, mlp,"),
        (["--seeds", "9-0"], "seeds '9-0'"),
        (["--epochs", "0"], "epochs=0 is out of range"),
        (["--jobs", "0"], "jobs=0"),
        (["--backend", "loky", "--scheduler", "tcp://127.0.0.1:9"], "no other backend than dask"),
        (["--scheduler", "foo"], "foo: no address of a scheduler; give one like tcp://host:8786"),
        (["--scheduler", "nonsense://here:1"], "no address of a scheduler"),
        (["--scheduler", "::"], "no address of a scheduler"),
        (["--out", str(base.RUNS)], "holds results on MNIST only"),
        (["--out", str(base.RUNS / "tuning")], "holds results on MNIST only"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(options, message, folder, tmp_path, capsys):
    assert main(arguments(folder, tmp_path / "runs", *options)) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [["--jobs", "0"], ["--backend", "loky", "--scheduler", "tcp://a:1"], ["--scheduler", "foo"]],
)
def test_options_that_make_no_sense_are_told_before_digits_are_read(options, tmp_path, capsys):
    nowhere = arguments(tmp_path / "nowhere", tmp_path, *options)
    for call in (nowhere, [*nowhere, "--dry-run"]):
        assert main(call) == 2
        assert "nowhere" not in capsys.readouterr().err


def test_trials_and_other_digits_stay_out_of_the_reports_records(folder, monkeypatch, tmp_path):
    from mnistlib.study_command import _folder

    digits = load(folder)
    assert _folder(digits, None, None) == base.OUT / "runs"
    assert _folder(digits, tmp_path, None) == tmp_path
    as_mnist = replace(digits, name="MNIST")
    assert _folder(as_mnist, None, None) == base.RUNS
    assert _folder(as_mnist, None, 1) == base.OUT / "runs"


def test_after_ctrl_c_the_pools_threads_die_silently(monkeypatch, capsys):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # put back afterwards
    with pytest.raises(KeyboardInterrupt), on_ctrl_c(_stop_quietly):
        signal.raise_signal(signal.SIGINT)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    assert capsys.readouterr().err == ""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
