"""python -m mnistlib study, as people use it, stop it and kill it."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from mnistlib import base
from mnistlib.__main__ import main
from mnistlib.config import recipe
from mnistlib.dataset import load, sample
from mnistlib.runs import load_all, save
from mnistlib.train import fit
from tests.same import DIVERGING, untimed

EPOCHS = 40  # of 200 digits: a moment, so that a driver can be met at work
SEEDS = 12  # so many that no driver hands them all in before it can be stopped


def arguments(folder, out, *more):
    return ["study", "--data", str(folder), "--out", str(out), *more]


def started(folder, out, *more):
    """A driver in a session of its own, as a terminal would start it."""
    call = [sys.executable, "-m", "mnistlib", *arguments(folder, out, *more)]
    return subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def records(out):
    """When each was written, by path."""
    return {path: path.stat().st_mtime_ns for path in out.glob("*/seed-*.json")}


def assert_undisturbed(runs, data):
    """But for their times, these are the runs that come out where nobody disturbs them."""
    again = [fit(run.recipe, data, run.seed) for run in runs]
    assert list(map(untimed, runs)) == list(map(untimed, again))


def test_a_stopped_study_keeps_its_runs_and_a_restart_makes_the_rest(folder, tmp_path, capsys):
    out, kept = tmp_path / "runs", {}
    options = ["--only", "mlp", "--seeds", f"0-{SEEDS - 1}", "--epochs", str(EPOCHS), "--jobs", "2"]
    for how in ("kill -9", "Ctrl-C"):
        driver = started(folder, out, *options)
        while len(records(out)) == len(kept):
            assert driver.poll() is None
            time.sleep(0.02)
        workers = psutil.Process(driver.pid).children(recursive=True)
        if how == "kill -9":
            driver.kill()
        else:
            os.killpg(driver.pid, signal.SIGINT)  # what a terminal does: to workers as well
        _, err = driver.communicate(timeout=60)
        _, alive = psutil.wait_procs(workers, timeout=60)
        assert alive == []
        assert kept.items() <= records(out).items()
        kept = records(out)
        assert len(kept) < SEEDS
    assert driver.returncode == 130
    assert "stopped; what was finished stays, and the same command makes the rest" in err
    assert "Traceback" not in err
    assert "Warning" not in err

    assert main(arguments(folder, out, *options, "--jobs", "1")) == 0
    told, missing = capsys.readouterr(), SEEDS - len(kept)
    assert f"{SEEDS} runs: {len(kept)} found, {missing} to make" in told.out
    assert re.search(rf"{missing}/{missing} \[.*run", told.err)  # the bar
    assert kept.items() <= records(out).items()
    made = load_all(out)
    assert [run.seed for run in made] == list(range(SEEDS))
    assert_undisturbed([made[0], made[-1]], load(folder))  # one from before the stop, one after it


def test_two_studies_at_once_on_one_folder_make_the_records_of_one(folder, tmp_path):
    options = ["--only", "mlp", "--seeds", "0-3", "--epochs", "5", "--jobs", "1"]
    both = [started(folder, tmp_path, *options) for _ in range(2)]
    for driver in both:
        _, err = driver.communicate(timeout=120)
        assert driver.returncode == 0, err
    shared = load_all(tmp_path, strict=True)
    assert len(shared) == 4
    assert_undisturbed(shared, load(folder))


def test_a_dry_run_makes_nothing_and_says_of_each_row_what_is_missing(
    folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(base, "RUNS", tmp_path / "report")
    few = ["--only", "mlp", "lenet5", "--seeds", "3-4", "--epochs", "1", "--dry-run"]
    save(fit(recipe("mlp", epochs=1), load(folder), 4), tmp_path / "runs")
    for out, found in (("runs", 1), ("none", 0)):
        assert main(arguments(folder, tmp_path / out, *few)) == 0
        seeds, mlp, lenet5, time = capsys.readouterr().out.splitlines()
        assert seeds == "seeds 3 to 4:"
        assert mlp.split() == ["mlp", str(found), "found", str(2 - found), "to", "make"]
        assert lenet5.split() == ["lenet5", "0", "found", "2", "to", "make"]
        assert re.fullmatch(r"time: about 00:0\d of one core", time)
    assert main(arguments(folder, tmp_path / "none", "--dry-run")) == 0
    *_, judged = capsys.readouterr().out.splitlines()
    assert judged.endswith("0 of the 220 runs that will decide this are there.")
    assert not (tmp_path / "none").exists()


def test_failed_runs_are_listed_and_make_the_exit_code_1(folder, tmp_path, capsys, monkeypatch):
    rows = {"diverging": DIVERGING, "mlp": recipe("mlp", epochs=1)}
    monkeypatch.setattr("mnistlib.commands.ROWS", rows)
    assert main(arguments(folder, tmp_path / "runs", "--seeds", "0", "--jobs", "1")) == 1
    last = capsys.readouterr().err.splitlines()[-2:]
    assert last[0] == "mnistlib: error: 1 failed, all other runs are saved:"
    assert re.match(r"  mlp \(epochs=8, .*, seed 0: TrainingError: stopped in epoch", last[1])
    assert [run.recipe for run in load_all(tmp_path / "runs")] == [rows["mlp"]]


@pytest.mark.parametrize(
    ("name", "options", "where"),
    [("MNIST", [], base.RUNS), ("MNIST", ["--epochs", "1"], None), ("mine", [], None)],
)
def test_only_the_study_itself_goes_into_the_reports_records(name, options, where, monkeypatch):
    places, data = [], replace(sample(), name=name)
    monkeypatch.setattr("mnistlib.commands.load", lambda _: data)
    monkeypatch.setattr("mnistlib.commands.dry_run", lambda *given: places.append(given[-1]))
    main(["study", "--dry-run", *options])
    assert places == [where or base.OUT / "runs"]
