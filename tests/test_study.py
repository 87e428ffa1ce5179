from dataclasses import replace

from mnistlib import runs
from mnistlib.config import recipe
from mnistlib.study import study, validation_data
from mnistlib.train import fit

RECIPES = [recipe("mlp", epochs=1), recipe("lenet5", epochs=1)]


def ignoring_time(run):
    return replace(run, history={**run.history, "seconds": [0.0]})


def test_a_study_makes_what_is_missing_and_reuses_the_rest(tiny, tmp_path, capsys):
    first = study(RECIPES, [0], tiny, tmp_path, jobs=1, progress=False)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
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
