import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import cloudpickle
import pytest

from mnistlib import runs
from mnistlib.base import UserError
from mnistlib.config import recipe, row_name
from mnistlib.dataset import DigitData, split
from mnistlib.study import StudyError, attempt, study, tasks, validation_data
from mnistlib.train import fit
from tests.same import DIVERGING, untimed

RECIPES = [recipe("mlp", epochs=1), recipe("lenet5", epochs=1)]
MLP = RECIPES[:1]


def test_a_study_makes_what_is_missing_and_reuses_the_rest(tiny, tmp_path, capsys):
    first = study(RECIPES, [0], tiny, tmp_path, jobs=1, progress=False)
    both = study(RECIPES, [0, 1], tiny, tmp_path, jobs=1, progress=False)
    assert "4 runs: 2 found, 2 to make" in capsys.readouterr().out
    assert [(run.recipe, run.seed) for run in both] == [
        (r, seed) for seed in (0, 1) for r in RECIPES
    ]
    assert both[:2] == first
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_recipes_are_chosen_on_training_digits_alone(tiny):
    chosen_on = validation_data(tiny)
    parts = split(tiny.train)
    found = chosen_on.train.fingerprint, chosen_on.test.fingerprint
    assert found == tuple(part.fingerprint for part in parts)


def test_a_record_that_cannot_be_saved_costs_no_epoch(tiny, tmp_path, monkeypatch):
    made = []

    def save(run, folder):
        made.append(run)
        raise OSError("No space left on device")

    monkeypatch.setattr("mnistlib.study.runs.save", save)
    with pytest.raises(OSError, match="No space left"):
        study(MLP, [0], tiny, tmp_path, jobs=1, progress=False)
    monkeypatch.undo()
    assert study(MLP, [0], tiny, tmp_path, jobs=1, progress=False) == made  # seconds as well


def test_a_worker_is_sent_only_what_its_run_uses(tiny):
    (task,) = tasks([recipe("mlp", technique="affine")], [0], tiny.fingerprint)
    assert [[*part] for part in cloudpickle.loads(task.sent)] == [["mlp"], ["mlp"], ["affine"]]


def test_where_the_studys_folder_is_not_to_be_had_a_worker_puts_nothing_aside(tiny, tmp_path):
    (task,) = tasks(MLP, [0], tiny.fingerprint)
    key, run = attempt(task, tiny, tmp_path / "another machine's")
    assert key == run.key == task.key
    assert list(tmp_path.iterdir()) == []


def test_a_worker_with_other_digits_refuses_the_run(tiny, tmp_path):
    (task,) = tasks(MLP, [0], tiny.fingerprint)
    other = replace(tiny, train=tiny.train.take(range(100), "fewer"))
    assert "are not the driver's" in attempt(task, other, tmp_path)[1]


@dataclass(frozen=True, kw_only=True)
class KillingDigits(DigitData):
    """Digits that kill the process that receives them, `deaths` times in all."""

    folder: Path
    deaths: int

    def __setstate__(self, state):
        self.__dict__.update(state)
        for number in range(self.deaths):
            try:
                (self.folder / f"death {number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("jobs", "deaths"), [(1, 0), (2, 1)])
def test_neither_a_failed_run_nor_a_killed_worker_costs_another_run(
    jobs, deaths, tiny, tmp_path, capsys
):
    digits = KillingDigits(**vars(tiny), folder=tmp_path, deaths=deaths)
    with pytest.raises(StudyError) as caught:
        study([DIVERGING, *RECIPES], [0, 1], digits, tmp_path / "runs", jobs=jobs, progress=False)
    first, *failed = str(caught.value).splitlines()
    assert first == "2 failed, all other runs are saved:"
    for seed, line in enumerate(failed):
        start = f"  {row_name(DIVERGING)}, seed {seed}: TrainingError: stopped in epoch"
        assert line.startswith(start)
    assert ("workers were lost (TerminatedWorkerError" in capsys.readouterr().err) == bool(deaths)
    alone = [fit(given, tiny, seed, progress=False) for given in RECIPES for seed in (0, 1)]
    made = {run.key: untimed(run) for run in runs.load_all(tmp_path / "runs")}
    assert made == {run.key: untimed(run) for run in alone}


def test_workers_that_are_killed_again_and_again_are_given_up(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("mnistlib.study.RESTARTS", 0)
    digits = KillingDigits(**vars(tiny), folder=tmp_path, deaths=100)
    with pytest.raises(StudyError, match="seed 1: workers were lost 1 times"):
        study(MLP, [0, 1], digits, tmp_path / "runs", jobs=2, progress=False)


def test_jobs_are_of_this_machine(tiny, tmp_path):
    with pytest.raises(UserError, match="give them or a scheduler, not both"):
        study(MLP, [0], tiny, tmp_path, jobs=2, scheduler="tcp://a:1")
