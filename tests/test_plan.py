from dataclasses import replace

import numpy as np
import pytest

from mnistlib import plan
from mnistlib.base import RUNS, UserError
from mnistlib.claims import judge
from mnistlib.comparison import by_row
from mnistlib.config import ALL, ORDER, ROWS, TECHNIQUES, recipe
from mnistlib.dataset import DigitData
from mnistlib.plan import (
    CONFIRMATION_FOLDER,
    CONFIRMATION_SEEDS,
    RETRIED,
    candidates,
    confirm,
    missing,
    words,
)
from mnistlib.runs import Run, key, load_all


@pytest.fixture(scope="module")
def committed():
    return load_all(plan.TUNING_FOLDER)


def test_the_techniques_values_are_those_that_the_committed_trials_choose(committed):
    chosen = plan.choose(committed)
    together = chosen.pop("all together")
    assert chosen == {name: TECHNIQUES[name] for name in ORDER}
    assert replace(ALL, **together) == ALL


def test_each_candidate_was_tried_from_the_same_seeds(committed):
    frame = plan.trials(committed)
    assert set(frame["seeds"]) == {len(plan.TUNING_SEEDS)}
    assert frame.groupby("technique")["chosen"].sum().eq(1).all()
    assert len({run.dataset["fingerprint"] for run in committed}) == 1
    assert {run.dataset["n_test"] for run in committed} == {5_000}


def test_the_committed_trials_of_shapes_are_those_that_shapes_makes():
    committed = load_all(plan.SHAPES_FOLDER)
    (fingerprint,) = {run.dataset["fingerprint"] for run in committed}
    recipes = plan.shape_recipes()
    assert len(recipes) == 40
    expected = {key(given, seed, fingerprint) for given in recipes for seed in plan.SHAPE_SEEDS}
    assert {run.key for run in committed} == expected
    assert len(committed) == 120
    assert {run.dataset["n_test"] for run in committed} == {5_000}


def test_trials_never_read_the_test_digits_nor_end_among_the_records_in_git(tiny, tmp_path):
    unreadable = DigitData(tiny.train, None, tiny.name, tiny.origin)
    given = [recipe("mlp", epochs=1)]
    (run,) = plan.tune(unreadable, given, [0], tmp_path, jobs=1, progress=False)
    assert (run.recipe, run.dataset["n_test"]) == (given[0], 200 // 12)
    with pytest.raises(UserError, match="holds results on MNIST only"):
        plan.tune(unreadable, given)


def test_a_candidate_without_runs_is_named():
    with pytest.raises(UserError, match=r"no tuning run of Recipe\(.*weight_decay=0\.0001"):
        plan.choose([])


def test_every_technique_with_a_value_to_choose_says_over_what_it_was_tuned():
    frame = plan.provenance().set_index("where")
    assert set(plan.TUNED) == set(ORDER)
    assert frame.loc["dropout", ["value", "from"]].tolist() == ["0.25", "tuned over 0.1, 0.25, 0.5"]
    assert "0.0005, 1; 0.0001, 0.5; 0.001, 1.5" in frame["from"].str.cat()
    assert plan.at_the_edge()[0] == "weight decay"  # the least of three
    assert not {"dropout", "batch norm"} & set(plan.at_the_edge())


N = 1_000


def made(name, seed, wrong):
    """A run of a row on N digits, all labelled 1, that takes the first `wrong` of them for 0."""
    recipe = ROWS[name]
    curves = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds")
    return Run(
        recipe=recipe,
        seed=seed,
        dataset={"name": "d", "n_train": 9, "n_test": N, "fingerprint": "f"},
        history={curve: [1 - wrong / N] * recipe.epochs for curve in curves},
        predictions="0" * wrong + "1" * (N - wrong),
        mistakes={str(i): 1 for i in range(wrong)},
        versions={},
        device="cpu",
        threads=1,
    )


@pytest.fixture
def runs():
    """All of the plan: affine is better from each seed, elastic worse, smoothing as good."""
    gains = dict(zip(RETRIED, (0, None, 4, -4), strict=True))
    return [
        made(name, seed, 20 + seed % 7 - ((-1) ** seed if gain is None else gain))
        for name, gain in gains.items()
        for seed in CONFIRMATION_SEEDS
    ]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_techniques_are_those_that_the_rule_asks_for(rng):
    study = judge(by_row(load_all(RUNS)), rng)
    assert set(candidates(study.added)) == set(RETRIED[1:])


def test_no_seed_took_part_in_the_study():
    assert len(CONFIRMATION_SEEDS) == 20
    assert not {run.seed for run in by_row(load_all(RUNS))["lenet5 + affine"]} & set(
        CONFIRMATION_SEEDS
    )


def test_a_candidate_is_better_not_just_different(runs, rng):
    frame = confirm(runs, rng)
    assert candidates(frame) == ["lenet5 + affine"]  # elastic's p is as small, but it is worse


def test_it_is_judged_by_the_studys_rule(runs, rng):
    frame = confirm(runs, rng)
    assert frame["seeds"].eq(20).all()
    assert frame["verdict"].to_dict() == {
        "lenet5": "baseline",
        "lenet5 + label smoothing": "no evidence",
        "lenet5 + affine": "helps",
        "lenet5 + affine+elastic": "hurts",
    }
    assert words(frame) == (
        "Retried from 20 fresh seeds, confirmed to help: affine; "
        "not confirmed: label smoothing and affine+elastic."
    )


def test_nothing_is_judged_before_all_runs_are_there(runs, rng):
    assert missing(runs) == 0
    assert missing(runs[1:]) == 1
    assert confirm(runs[1:], rng) is None
    assert words(None) == "Retried from 20 fresh seeds: not complete yet."


def test_other_seeds_and_rows_do_not_count(runs, rng):
    more = [*runs, made("lenet5", 9, 900), made("lenet5 + affine", 9, 0), made("mlp", 10, 5)]
    assert confirm(more, rng).equals(confirm(runs, rng))


def test_the_committed_runs_are_those_of_the_plan():
    found = {
        (name, run.seed)
        for name, those in by_row(load_all(CONFIRMATION_FOLDER)).items()
        for run in those
    }
    assert found == {(name, seed) for name in RETRIED for seed in CONFIRMATION_SEEDS}
