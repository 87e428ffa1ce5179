import numpy as np
import pytest

from mnistlib.ablations import ROWS, by_row
from mnistlib.base import RUNS
from mnistlib.claims import judge
from mnistlib.confirmation import FOLDER, NAMES, SEEDS, candidates, confirm, missing, words
from mnistlib.runs import Run, load_all

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
    gains = dict(zip(NAMES, (0, None, 4, -4), strict=True))
    return [
        made(name, seed, 20 + seed % 7 - ((-1) ** seed if gain is None else gain))
        for name, gain in gains.items()
        for seed in SEEDS
    ]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_techniques_are_those_that_the_rule_asks_for(rng):
    study = judge(by_row(load_all(RUNS)), rng)
    assert set(candidates(study.added)) == set(NAMES[1:])


def test_no_seed_took_part_in_the_study():
    assert len(SEEDS) == 20
    assert not {run.seed for run in by_row(load_all(RUNS))["lenet5 + affine"]} & set(SEEDS)


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
    found = {(name, run.seed) for name, those in by_row(load_all(FOLDER)).items() for run in those}
    assert found == {(name, seed) for name in NAMES for seed in SEEDS}
