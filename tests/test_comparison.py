from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mnistlib import stats
from mnistlib.base import RUNS, DataError, UserError
from mnistlib.comparison import (
    COMBINED,
    by_row,
    compare,
    headline,
    judged,
    label,
    readable,
    replaced,
    surplus,
)
from mnistlib.config import MODELS, ROWS, recipe
from mnistlib.runs import Run, load_all

N = 1_000


def run(seed, wrong, fingerprint="f", epochs=1):
    """A run on N digits, all labelled 1, that takes the first `wrong` of them for 0."""
    history = {name: [0.5] * epochs for name in ("train_loss", "train_accuracy", "test_loss")}
    history |= {"test_accuracy": [1 - wrong / N] * epochs, "seconds": [1.0] * epochs}
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


BASE = (30, 31, 32, 33, 34, 35, 36, 37)


def test_all_pairs_of_one_sign_help_or_hurt():
    rows = {
        "base": runs(*BASE),
        "good": runs(*(count - 5 - i % 3 for i, count in enumerate(BASE))),
        "bad": runs(*(count + 9 for count in BASE)),
        "same": runs(*(count + (-1) ** i for i, count in enumerate(BASE))),
    }
    frame = compare(rows, "base")
    assert frame["verdict"].tolist() == ["baseline", "helps", "hurts", "not shown"]
    assert frame.loc["good", "p"] == 2 / 2**8
    assert frame.loc["good", "p_holm"] == 3 * 2 / 2**8
    assert frame.loc["bad", "difference"] == pytest.approx(-0.009)
    assert (frame.loc["bad", "low"], frame.loc["bad", "high"]) == pytest.approx((-0.009, -0.009))
    assert frame.loc["base", "error"] == pytest.approx(np.mean(BASE) / N)
    assert frame["better"].tolist() == [0.5, (64 - 2 - 2 / 2) / 64, 0, 0.5]  # 31 errors lose to 30


def test_only_seeds_that_both_have_are_paired():
    frame = compare({"base": runs(*BASE), "few": runs(29, 29, 29)}, "base")
    assert frame.loc["few", "seeds"] == 3
    assert frame.loc["few", "difference"] == pytest.approx((1 + 2 + 3) / 3 / N)


def test_images_can_be_left_out():
    rows = {"base": runs(10, 10), "other": runs(4, 4)}
    frame = judged(rows, {"other": "base"}, without=range(10))
    assert frame.loc["other", "difference"] == 0


def test_the_seed_that_favours_a_row_most_can_be_left_out():
    rows = {"base": runs(*BASE), "other": runs(20, *(count - 1 for count in BASE[1:]))}
    frame = judged(rows, {"other": "base"}, spoilt={"other": True})
    assert frame.loc["other", ["seeds", "difference"]].tolist() == [7, pytest.approx(0.001)]
    other_way = {"base": rows["other"], "other": rows["base"]}
    worse = judged(other_way, {"other": "base"}, spoilt={"other": True})
    assert worse.loc["other", "difference"] == pytest.approx(-0.001)
    frame = judged(rows, {"other": "base"}, spoilt={"other": False})
    assert frame.loc["other", "difference"] == pytest.approx((10 + 6 * 1) / 7 / N)


def test_the_second_outcome_is_the_mean_of_the_last_five_epochs():
    rows = {"base": runs(*BASE, epochs=6), "other": runs(*BASE, epochs=6)}
    for each in rows["other"]:
        each.history["test_accuracy"][:3] = [0.5, *(2 * [each.accuracy + 0.01])]
    frame = compare(rows, "base")
    assert frame.loc["other", ["late", "late_p"]].tolist() == [pytest.approx(0.004), 2 / 2**8]


def test_what_the_whole_gains_over_the_sum_of_its_parts():
    rows = {"base": runs(30, 31), "a": runs(28, 30), "b": runs(27, 30), "all": runs(20, 29)}
    found = surplus(rows, "all", ["a", "b"], "base")
    means = [found[name] for name in ("whole", "sum", "difference")]
    assert means == pytest.approx([(10 + 2) / 2 / N, (5 + 2) / 2 / N, (5 + 0) / 2 / N])
    assert found["seeds"] == 2


def test_the_studys_p_values_lose_no_tie():
    rows = by_row([run for run in load_all(RUNS) if run.seed < 10])
    frame = compare({n: rows[n] for n in ("lenet5", "lenet5 + averaging")}, "lenet5")
    assert frame.loc["lenet5 + averaging", "p"] == 108 / 2**10  # 0.0859 where floats were counted


@pytest.mark.parametrize(
    ("technique", "gain", "low", "high"),
    [
        ("affine+elastic", 0.14, 0.05, 0.23),
        ("label smoothing", 0.09, 0.03, 0.14),
        ("affine", 0.07, -0.01, 0.14),
    ],
)
def test_over_seeds_and_digits_it_is_what_an_independent_look_found(technique, gain, low, high):
    rows = by_row([run for run in load_all(RUNS) if 10 <= run.seed < 30])
    frame = compare({n: rows[n] for n in ("lenet5", f"lenet5 + {technique}")}, "lenet5")
    found = 100 * frame[["difference", "both_low", "both_high"]].iloc[1]
    assert found.tolist() == pytest.approx([gain, low, high], abs=0.006)


def test_different_epochs_or_digits_are_not_compared():
    for options in ({"epochs": 2}, {"fingerprint": "g"}):
        with pytest.raises(UserError, match=r"base \(1 epochs\) and other .* differ"):
            compare({"base": runs(1, 2), "other": runs(1, 2, **options)}, "base")


def test_a_seed_counts_once():
    twice = [*runs(1, 2), replace(run(1, 3), threads=2)]
    with pytest.raises(UserError, match="base: found 3 runs of 2 seeds"):
        compare({"base": twice}, "base")


@pytest.mark.parametrize("wrong", [(), (29,)])
def test_fewer_than_two_shared_seeds_say_nothing(wrong):
    with pytest.raises(UserError, match=f"few: found {len(wrong)} seeds shared with what"):
        compare({"base": runs(*BASE), "few": [*runs(*wrong), run(99, 1)]}, "base")


def test_a_list_of_runs_is_grouped_by_recipe_whatever_its_epochs():
    dropping = [replace(r, recipe=replace(ROWS["lenet5 + dropout"], epochs=1)) for r in runs(1, 2)]
    plain = runs(3, 5)
    frame = compare([*dropping, *plain], baseline="lenet5")
    rows = {"lenet5": plain, "lenet5 + dropout": dropping}
    pd.testing.assert_frame_equal(frame, compare(rows, "lenet5"))
    with pytest.raises(UserError, match="unknown baseline 'mlp'"):
        compare(plain, baseline="mlp")


def test_one_run_has_an_interval_over_test_images():
    frame = headline(runs(30))
    (row,) = frame.itertuples()
    assert (row.model, row.parameters, row.over) == ("lenet5", 61_706, "1,000 test images")
    assert (row.low, row.high) == stats.wilson(970, N)
    assert readable(frame).loc["LeNet-5"].tolist() == [
        *("97.00 %", "95.75 to 97.89 %", "1,000 test images", "61,706", 1)
    ]


def test_the_last_epoch_counts_and_two_seeds_are_too_few_for_a_mean():
    ends = [run(seed, wrong, epochs=2) for seed, wrong in enumerate((100, 90, 80))]
    for each in ends:
        each.history["test_accuracy"][0] = 0.99
    assert headline(ends).loc[0, ["accuracy", "over"]].tolist() == [pytest.approx(0.91), "3 seeds"]
    assert headline(ends[:2]).loc[0, ["accuracy", "over"]].tolist() == [0.9, "1,000 test images"]
    assert headline([]).empty
    with pytest.raises(UserError, match=r"lenet5 \(2 epochs\) and lenet5 \(1 epochs\) differ"):
        headline([*ends, run(3, 5)])


def test_a_part_that_is_replaced_is_compared_by_seed():
    rows = {"old": runs(10, 20, 30, 40), "old + new": runs(12, 21, 33)}
    (line,) = replaced(rows, "old", ["new"]).itertuples()
    assert (line.Index, line.seeds, line.error) == ("new", 3, pytest.approx(0.022))
    assert line.difference == pytest.approx(0.002)
    assert (line.low, line.high) == pytest.approx(stats.mean_interval([0.002, 0.001, 0.003]))


def test_rows_have_names_for_people():
    assert label("lenet5 + dropout") == "+ dropout"
    assert label("lenet5_reg - weight decay") == "all without weight decay"
    assert [label(name) for name in MODELS] == ["baseline", "MLP", "all together"]
    assert len({label(name) for name in ROWS}) == len(ROWS)
    assert set(COMBINED) < set(ROWS)


def test_a_needed_row_without_three_runs_is_named():
    with pytest.raises(DataError, match=r"found 0 runs, but not three of lenet5, mlp; make them"):
        by_row([], needed=["lenet5", "mlp"])
