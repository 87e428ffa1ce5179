import errno
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open

from mnistlib import runs
from mnistlib.base import UserError
from mnistlib.config import recipe
from mnistlib.dataset import DigitData
from mnistlib.study import StudyError, study, validation_data
from mnistlib.study.estimate import dry_run, duration, seconds
from mnistlib.study.plan import choose, format_seeds, parse_seeds, tasks
from mnistlib.study.worker import attempt
from mnistlib.train import fit

RECIPES = [recipe("mlp", epochs=1), recipe("lenet5", epochs=1)]
MLP = RECIPES[:1]


def ignoring_time(run):
    return replace(run, history={**run.history, "seconds": [0.0]})


def test_a_study_makes_what_is_missing_and_reuses_the_rest(tiny, tmp_path, capsys):
    first = study(RECIPES, [0], tiny, tmp_path, jobs=1, progress=False)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    both = study(RECIPES, [0, 1], tiny, tmp_path, jobs=1, progress=False)
    assert "4 runs: 2 found, 2 to make" in capsys.readouterr().out
    assert [(run.recipe.model, run.seed) for run in both] == [
        ("mlp", 0),
        ("lenet5", 0),
        ("mlp", 1),
        ("lenet5", 1),
    ]
    assert both[:2] == first
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert len(runs.load_all(tmp_path)) == 4
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_the_number_of_jobs_changes_no_bit(tiny, tmp_path):
    side_by_side = study(RECIPES, [0], tiny, tmp_path, jobs=2, progress=False)
    alone = [fit(given, tiny, 0, threads=1, progress=False) for given in RECIPES]
    assert list(map(ignoring_time, side_by_side)) == list(map(ignoring_time, alone))


def test_recipes_are_chosen_on_training_digits_alone(digit_data):
    chosen_on = validation_data(digit_data)
    n = len(digit_data.train)
    assert (len(chosen_on.train), len(chosen_on.test)) == (n - n // 12, n // 12)
    known = {image.tobytes() for image in digit_data.train.images}
    assert all(image.tobytes() in known for image in chosen_on.test.images[:200])
    assert chosen_on.fingerprint != digit_data.fingerprint


def test_a_run_that_was_under_way_goes_on_from_its_last_epoch(tiny, tmp_path):
    given, seconds = recipe("mlp", epochs=3), []
    path = runs.unfinished(tmp_path, runs.key(given, 0, tiny.fingerprint))

    def stop(number, values):
        seconds.append(values["seconds"])
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(given, tiny, threads=1, progress=False, on_epoch=stop, checkpoint=path)
    assert path.exists()
    (run,) = study([given], [0], tiny, tmp_path, jobs=1, progress=False)
    assert run.history["seconds"][:2] == seconds
    assert not path.exists()


def test_where_the_studys_folder_is_not_to_be_had_a_worker_puts_nothing_aside(tiny, tmp_path):
    (task,) = tasks(MLP, [0], tiny.fingerprint)
    run = attempt(task, tiny, None, tmp_path / "another machine's")
    assert run.key == task.key
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_cannot_be_saved_costs_no_epoch(tiny, tmp_path, monkeypatch):
    given = recipe("mlp", epochs=2)
    monkeypatch.setattr("mnistlib.study.runs.save", no_space)
    with pytest.raises(OSError, match="No space left"):
        study([given], [0], tiny, tmp_path, jobs=1, progress=False)
    monkeypatch.undo()
    with safe_open(runs.unfinished(tmp_path, runs.key(given, 0, tiny.fingerprint)), "pt") as file:
        kept = json.loads(file.metadata()["state"])["history"]
    (run,) = study([given], [0], tiny, tmp_path, jobs=1, progress=False)
    assert run.history == kept


def no_space(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failed_run_is_reported_at_the_end_and_stops_no_other(jobs, tiny, tmp_path):
    # each step multiplies the weights by 1 - 100 * 10: they leave float32 within a few epochs
    diverging = recipe("mlp", epochs=8, learning_rate=100, weight_decay=10)
    rows = {"diverging": diverging, "mlp": MLP[0]}
    with pytest.raises(StudyError) as caught:
        study(rows, [0, 1], tiny, tmp_path, jobs=jobs, progress=False)
    first, *failed = str(caught.value).splitlines()
    assert first == "2 failed, all other runs are saved:"
    for seed, line in enumerate(failed):
        assert line.startswith(f"  diverging, seed {seed}: TrainingError: stopped in epoch")
    assert [(run.recipe, run.seed) for run in runs.load_all(tmp_path)] == [(MLP[0], 0), (MLP[0], 1)]


class KillingDigits(DigitData):
    """Digits that kill the process that receives them, `deaths` times in all."""

    def __setstate__(self, state):
        self.__dict__.update(state)
        for number in range(self.deaths):
            try:
                (Path(self.folder) / f"death {number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)


def killing(tiny, folder, deaths):
    digits = KillingDigits(tiny.train, tiny.test, tiny.name, tiny.origin)
    digits.__dict__.update(folder=str(folder), deaths=deaths)
    return digits


def test_a_worker_that_is_killed_costs_no_run(tiny, tmp_path, capsys):
    digits = killing(tiny, tmp_path, deaths=1)
    made = study(MLP, [0, 1, 2], digits, tmp_path / "runs", jobs=2, progress=False)
    assert "workers were lost (TerminatedWorkerError" in capsys.readouterr().err
    alone = [fit(MLP[0], tiny, seed, threads=1, progress=False) for seed in (0, 1, 2)]
    assert list(map(ignoring_time, made)) == list(map(ignoring_time, alone))


def test_workers_that_are_killed_again_and_again_are_given_up(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("mnistlib.study.making.RESTARTS", 1)
    digits = killing(tiny, tmp_path, deaths=100)
    with pytest.raises(StudyError, match="seed 1: workers were lost 2 times") as caught:
        study(MLP, [0, 1], digits, tmp_path / "runs", jobs=2, progress=False)
    assert len(caught.value.failures) == 2


def test_a_worker_with_other_digits_refuses_the_run(tiny, tmp_path):
    (task,) = tasks(MLP, [0], tiny.fingerprint)
    _ = tiny.train.fingerprint  # kept, and sent along; the bytes decide all the same
    other = replace(tiny, train=tiny.train.take(range(100), "fewer"))
    other.__dict__["fingerprint"] = tiny.fingerprint
    assert "are not the driver's" in attempt(task, other, None, tmp_path).error


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0-9", list(range(10))), ("0,3,7-8", [0, 3, 7, 8]), ("5", [5]), (" 2, 1-2 ", [2, 1])],
)
def test_seeds_are_read(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "-1", "3-1", "1,,2", "1.5", "0-99999", "٣", "1-2-3"])
def test_what_is_no_seed_is_a_users_mistake(text):
    with pytest.raises(UserError, match="give '0-9' or '0,3,7-8'"):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["-", "0", "0-9", "0,3,7-8", "1-2,4"])
def test_seeds_are_written_as_they_are_read(text):
    assert format_seeds([] if text == "-" else parse_seeds(text)) == text


def test_rows_are_chosen_by_name():
    rows = dict(zip("abc", [*RECIPES, recipe("lenet5")], strict=True))
    assert choose(rows, None, None) == rows
    assert choose(rows, ["c", "a"], 1) == {"c": RECIPES[1], "a": RECIPES[0]}
    with pytest.raises(UserError, match=r"unknown row 'd'\. Valid: a, b, c"):
        choose(rows, ["d"], None)


def test_equal_recipes_are_one_run():
    planned = tasks({"a": RECIPES[0], "b": RECIPES[0]}, [1, 0], "f")
    assert [(task.name, task.seed) for task in planned] == [("a", 1), ("a", 0)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs=0; give a number from 1"),
        ({"backend": "lokey"}, "Did you mean 'loky'"),
        ({"backend": "loky", "scheduler": "tcp://a:1"}, "leave one of the two out"),
        ({"jobs": 2, "scheduler": "tcp://a:1"}, "so start more"),
    ],
)
def test_options_that_make_no_sense_are_a_users_mistake(options, message, tiny, tmp_path):
    with pytest.raises(UserError, match=message):
        study(MLP, [0], tiny, tmp_path, **options)


@pytest.fixture
def timed(tiny):
    """A run of the MLP: 200 images an epoch, 1 epoch, 3 seconds; seed 0."""
    run = fit(MLP[0], tiny, 0, threads=1, progress=False)
    return replace(run, history={**run.history, "seconds": [3.0]})


def test_time_is_estimated_from_the_same_recipe_else_the_same_model(timed):
    slow = replace(
        timed, recipe=replace(MLP[0], weight_decay=0.1), history={**timed.history, "seconds": [9.0]}
    )
    assert seconds(recipe("mlp", epochs=5), 400, [timed, slow]) == pytest.approx(5 * 2 * 3)
    assert seconds(recipe("mlp", epochs=1, dropout=0.1), 200, [timed, slow]) == pytest.approx(6)
    assert seconds(RECIPES[1], 200, [timed]) is None
    assert seconds(MLP[0], 200, [replace(timed, device="a GPU")]) is None
    made_by_a_sleeper = replace(
        timed,
        recipe=recipe("mlp", epochs=3),
        history={curve: 3 * values for curve, values in timed.history.items()}
        | {"seconds": [3.0, 30_000.0, 3.0]},
    )
    assert seconds(MLP[0], 200, [made_by_a_sleeper]) == pytest.approx(3)


def test_a_dry_run_says_what_is_missing_and_how_long_it_takes(timed, tiny):
    rows = {"first": MLP[0], "other": RECIPES[1]}
    given = {"fingerprint": tiny.fingerprint, "n_train": 200, "found": [timed], "known": [timed]}
    lines = dry_run({"first": MLP[0]}, [0, 1, 2, 3, 4], workers=2, **given)
    assert lines[1].split() == ["first", "0", "1-4", "12", "s"]
    assert lines[2:] == ["5 runs: 1 found, 4 to make", "about 6 s, 2 at a time"]
    lines = dry_run(rows, [0, 1], workers=2, **given)
    assert lines[2].split() == ["other", "-", "0-1", "unknown"]
    assert lines[-1] == "at least 3 s, 2 at a time"
    assert dry_run({"first": MLP[0]}, [0], workers=2, **given)[-1] == "nothing left to do"
    unknown = dry_run({"other": RECIPES[1]}, [0], workers=2, **given)
    assert unknown[-1] == "no record tells how long it takes, 2 at a time"


@pytest.mark.parametrize(
    ("time", "text"),
    [(12.4, "12 s"), (59.6, "1 min"), (3599, "1 h 0 min"), (12_000, "3 h 20 min")],
)
def test_durations_are_written_for_people(time, text):
    assert duration(time) == text
