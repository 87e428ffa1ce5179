from dataclasses import replace

import numpy as np
import pytest

from mnistlib import ablations, tuning
from mnistlib.base import UserError
from mnistlib.dataset import DigitData
from mnistlib.runs import key, load_all
from mnistlib.study import validation_data


@pytest.fixture(scope="module")
def committed():
    return load_all(tuning.FOLDER)


def test_the_techniques_values_are_those_that_the_committed_trials_choose(committed):
    chosen = tuning.choose(committed)
    together = chosen.pop("all together")
    assert chosen == ablations.TECHNIQUES
    assert replace(ablations.ALL, **together) == ablations.ALL


def test_each_candidate_was_tried_from_the_same_seeds(committed):
    frame = tuning.table(committed)
    assert set(frame["seeds"]) == {len(tuning.SEEDS)}
    assert frame.groupby("technique")["chosen"].sum().eq(1).all()
    assert len({run.dataset["fingerprint"] for run in committed}) == 1
    assert {run.dataset["n_test"] for run in committed} == {5_000}


def test_the_tuning_path_cannot_read_the_test_digits(tiny):
    unreadable = DigitData(tiny.train, None, tiny.name, tiny.origin)
    seen = validation_data(unreadable)
    labels = np.concatenate([seen.train.labels, seen.test.labels])
    assert (np.bincount(labels) == np.bincount(tiny.train.labels)).all()


def test_tune_makes_every_candidate_and_the_baseline(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "TRIED", {"averaging": ablations.CANDIDATES["averaging"][:2]})
    unreadable = DigitData(tiny.train, None, tiny.name, tiny.origin)
    made = tuning.tune(unreadable, tmp_path, [0], 1, jobs=1, progress=False)
    assert [run.recipe.ema_decay for run in made] == [0.99, 0.998, 0.998]
    assert [run.recipe.averaging for run in made] == ["ema", "ema", "none"]


def test_the_committed_trials_of_shapes_are_those_that_shapes_makes():
    committed = load_all(tuning.SHAPES_FOLDER)
    (fingerprint,) = {run.dataset["fingerprint"] for run in committed}
    recipes = tuning.shape_recipes()
    assert len(recipes) == 40
    expected = {key(given, seed, fingerprint) for given in recipes for seed in tuning.SHAPE_SEEDS}
    assert {run.key for run in committed} == expected
    assert len(committed) == 120
    assert {run.dataset["n_test"] for run in committed} == {5_000}


def test_shapes_makes_its_recipes_on_the_validation_split(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "SHAPE_HIGH", 70)
    unreadable = DigitData(tiny.train, None, tiny.name, tiny.origin)
    made = tuning.shapes(unreadable, tmp_path, [0], 1, jobs=1, progress=False)
    assert [run.recipe for run in made] == tuning.shape_recipes(1) != []
    assert {run.dataset["n_test"] for run in made} == {200 // 12}


@pytest.mark.parametrize("make", [tuning.tune, tuning.shapes])
def test_trials_on_other_digits_stay_out_of_the_records_in_git(make, tiny):
    with pytest.raises(UserError, match="holds results on MNIST only"):
        make(tiny)


def test_a_candidate_without_runs_is_named():
    with pytest.raises(UserError, match=r"no tuning run of Recipe\(.*weight_decay=0\.0001"):
        tuning.choose([])
