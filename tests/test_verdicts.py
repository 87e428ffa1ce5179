from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mnistlib import stats, verdicts
from mnistlib.ablations import by_row
from mnistlib.base import RUNS, UserError
from mnistlib.config import recipe
from mnistlib.runs import Run, load_all
from mnistlib.verdicts import DISPUTED, both_ways, compare, right, seeds_needed, undecided, which

N = 1_000


def run(seed, wrong, seconds=1.0, fingerprint="f", epochs=1):
    """A run on N digits, all labelled 1, that takes the first `wrong` of them for 0."""
    history = {name: [0.5] * epochs for name in ("train_loss", "train_accuracy", "test_loss")}
    history |= {"test_accuracy": [1 - wrong / N] * epochs, "seconds": [seconds] * epochs}
    return Run(
        recipe=recipe("lenet5", epochs=epochs),
        seed=seed,
        dataset={"name": "d", "n_train": 9, "n_test": N, "fingerprint": fingerprint},
        history=history,
        predictions="0" * wrong + "1" * (N - wrong),
        mistakes={str(i): 1 for i in range(wrong)},
        versions={},
        device="cpu",
        threads=1,
    )


def runs(*wrong, **options):
    return [run(seed, count, **options) for seed, count in enumerate(wrong)]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


BASE = (30, 31, 32, 33, 34, 35, 36, 37)


def test_all_pairs_of_one_sign_help_or_hurt(rng):
    rows = {
        "base": runs(*BASE),
        "good": runs(*(count - 5 - i % 3 for i, count in enumerate(BASE)), seconds=1.5),
        "bad": runs(*(count + 9 for count in BASE)),
        "same": runs(*(count + (-1) ** i for i, count in enumerate(BASE))),
    }
    frame = compare(rows, "base", rng)
    assert frame["verdict"].to_dict() == {
        "base": "baseline",
        "good": "helps",
        "bad": "hurts",
        "same": "no evidence",
    }
    assert frame.loc["good", "p"] == 2 / 2**8
    assert frame.loc["good", "p_holm"] == 3 * 2 / 2**8
    assert frame.loc["bad", "difference"] == pytest.approx(-0.009)
    assert (frame.loc["bad", "low"], frame.loc["bad", "high"]) == pytest.approx((-0.009, -0.009))
    assert frame.loc["base", "error"] == pytest.approx(np.mean(BASE) / N)
    assert frame.loc["good", "cost"] == 1.5


def test_only_seeds_that_both_have_are_paired(rng):
    frame = compare({"base": runs(*BASE), "few": runs(29, 29, 29)}, "base", rng)
    assert frame.loc["few", "seeds"] == 3
    assert frame.loc["few", "difference"] == pytest.approx((1 + 2 + 3) / 3 / N)


def test_images_can_be_left_out(rng):
    assert right(run(0, 10), without=range(4)) == N - 10
    rows = {"base": runs(10, 10), "other": runs(4, 4)}
    frame = compare(rows, "base", rng, without=range(10))
    assert frame.loc["other", "difference"] == 0


def test_equal_gains_tie_whatever_accuracies_they_are_differences_of(rng):
    # ±4 images: as accuracies, 0.984 − 0.980 and 0.979 − 0.983 are no opposites
    a, b = (16, 21, 16, 30, 10), (20, 17, 20, 34, 14)
    frame = compare({"base": runs(*b), "other": runs(*a)}, "base", rng)
    assert frame.loc["other", "p"] == 12 / 32  # at most one sign of five differs from the rest


def test_the_studys_p_values_lose_no_tie(rng):
    rows = by_row(load_all(RUNS))
    frame = compare({n: rows[n] for n in ("lenet5", "lenet5 + averaging")}, "lenet5", rng)
    assert frame.loc["lenet5 + averaging", "p"] == 108 / 2**10  # 0.0859 where floats were counted


def test_different_epochs_or_digits_are_not_compared(rng):
    for options in ({"epochs": 2}, {"fingerprint": "g"}):
        with pytest.raises(UserError, match=r"base \(1 epochs\) and other .* differ"):
            compare({"base": runs(1, 2), "other": runs(1, 2, **options)}, "base", rng)


def test_a_seed_counts_once(rng):
    twice = [*runs(1, 2), replace(run(1, 3), threads=2)]
    with pytest.raises(UserError, match="base: found 3 runs of 2 seeds"):
        compare({"base": twice}, "base", rng)


def test_too_few_seeds_cannot_have_a_verdict():
    assert seeds_needed(1) == 6  # 2/32 is above 0.05, 2/64 is not
    assert seeds_needed(17) == 10
    assert undecided(pd.DataFrame({"seeds": [9, 5]})) == "no verdict yet, from 5 of 7 seeds needed"
    assert undecided(pd.DataFrame({"seeds": [9, 7]})) == ""


def test_the_rule_states_what_is_done():
    assert f"{verdicts.ALPHA}" in verdicts.RULE
    assert len(set(DISPUTED)) == 15


def test_verdicts_are_told_in_a_sentence():
    frame = pd.DataFrame({"verdict": ["helps", "hurts", "helps", "helps"]}, list("abcd"))
    assert which(frame, "helps") == "a, c and d"
    assert which(frame, "hurts") == "b"
    assert which(frame, "no evidence") == "none"


def test_what_is_lost_without_a_technique_counts_as_its_gain():
    columns = ["difference", "low", "high"]
    alone = pd.DataFrame([[2.0, 1.0, 3.0]] * 2, ["+ a", "+ b"], columns)
    within = pd.DataFrame([[-0.5, -1.0, 0.25]] * 2, ["all - a", "all + b"], columns)
    frame = both_ways(alone, within, {"a": ("+ a", "all - a"), "b": ("+ b", "all + b")})
    assert frame.loc["a"].tolist() == [2.0, 1.0, 3.0, 0.5, -0.25, 1.0]
    assert frame.loc["b"].tolist() == [2.0, 1.0, 3.0, -0.5, -1.0, 0.25]


def test_cost_is_that_of_the_fastest_epoch(rng):
    slow = [run(0, 1, seconds=9.0), run(1, 1, seconds=2.0)]
    frame = compare({"base": runs(1, 2), "slow": slow}, "base", rng)
    assert frame.loc["slow", ["seconds", "cost"]].tolist() == [2.0, 2.0]


def test_equal_data_have_equal_intervals_whatever_stands_beside(rng):
    rows = {"base": runs(*BASE), "good": runs(*(n - 5 - n % 3 for n in BASE))}
    alone, beside = compare(rows, "base", rng), compare({**rows, "x": runs(9, 8, 7)}, "base", rng)
    columns = ["error", "error_low", "error_high", "difference", "low", "high", "p"]
    assert alone.loc["good", columns].tolist() == beside.loc["good", columns].tolist()
    mean = stats.bootstrap_mean([1 - n / N for n in BASE], np.random.default_rng(0))
    assert (1 - beside.loc["base", "error_high"], 1 - beside.loc["base", "error_low"]) == (
        pytest.approx(tuple(mean))
    )
