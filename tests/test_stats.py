"""Intervals and p-values against hand-made cases, simulation and brute force."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mnistlib import stats
from mnistlib.base import RUNS, UserError
from mnistlib.comparison import by_row
from mnistlib.config import ROWS
from mnistlib.runs import load_all


def test_wilson_by_hand():
    assert stats.wilson(10, 10) == pytest.approx((10 / (10 + 1.959964**2), 1))
    assert stats.wilson(0, 10) == pytest.approx((0, 1.959964**2 / (10 + 1.959964**2)))


def test_intervals_cover_the_true_mean_about_as_often_as_they_say():
    """Ten seeds at a time out of the baseline's thirty and affine's: their pooled mean is true."""
    pair = ROWS["lenet5"], ROWS["lenet5 + affine"]
    rows = by_row([run for run in load_all(RUNS) if run.recipe in pair and run.seed < 30])
    one, other = (np.array([run.correct.sum() for run in row]) for row in rows.values())
    rng, hits = np.random.default_rng(0), []
    for _ in range(300):
        seeds = rng.choice(len(one), 10)
        mean, gain = stats.mean_interval(one[seeds]), stats.sign_flip_interval((other - one)[seeds])
        hits.append(
            [mean.low <= one.mean() <= mean.high, gain.low <= (other - one).mean() <= gain.high]
        )
    assert np.all((np.mean(hits, 0) > 0.92) & (np.mean(hits, 0) < 0.98))


@given(st.lists(st.integers(-8, 12), min_size=6, max_size=9))
def test_an_interval_ends_at_means_of_subsets(sample):
    """Hartigan, "Using subsample values as typical values", J. Am. Stat. Assoc. 64, 1969."""
    means = sorted(
        np.mean(part) for k in range(1, len(sample) + 1) for part in combinations(sample, k)
    )
    ends = means[int(0.05 * 2 ** len(sample) / 2) - 1], means[-int(0.05 * 2 ** len(sample) / 2)]
    low, high = stats.sign_flip_interval(sample)
    assert ends[0] - 1e-9 <= low < ends[0] + 0.1
    assert ends[1] - 0.1 < high <= ends[1] + 1e-9


@given(st.lists(st.integers(-8, 12), min_size=2, max_size=12))
def test_interval_and_p_value_never_contradict_each_other(sample):
    low, high = stats.sign_flip_interval(sample)
    assert (low <= 0 <= high) == (stats.sign_flip(sample) > 0.05)


def test_where_nearly_all_differences_are_equal_the_interval_still_holds_the_mean():
    low, high = stats.sign_flip_interval([0] * 121 + [1] * 6)
    assert low <= 6 / 127 <= high


@pytest.mark.parametrize(
    ("n", "of_seeds", "of_images"), [(10, 0.05, 1), (10, 0.2, 1), (10, 1, 1), (3, 0, 0), (20, 0, 0)]
)
def test_the_interval_over_seeds_and_digits_covers_both_chances(n, of_seeds, of_images):
    rng, inside = np.random.default_rng(0), []
    for _ in range(500):
        seeds, images = rng.normal(0, of_seeds, (n, 1)), rng.normal(0, of_images, 200)
        low, high = stats.two_way(seeds + images + rng.normal(0, 1, (n, 200)))
        inside.append(low <= 0 <= high)
    assert 0.92 < np.mean(inside) < 0.98


def test_a_test_that_so_few_seeds_cannot_pass_detects_nothing():
    spread = [0.1, 0.2, 0.4]
    assert stats.detectable(spread, 5, 0.05) == np.inf
    assert stats.detectable(spread, 6, 0.05) < np.inf


def test_without_any_spread_the_interval_over_both_is_a_point():
    assert stats.two_way(np.full((3, 4), 0.5)) == (0.5, 0.5)


@given(st.lists(st.integers(-30, 30), min_size=2, max_size=12))
def test_sign_flips_are_those_of_every_pattern(sample):
    sums = np.array(list(product([1, -1], repeat=len(sample)))) @ sample
    assert stats.sign_flip(sample) == np.mean(np.abs(sums) >= abs(sum(sample)))


@pytest.mark.parametrize(("n", "minus"), [(10, 0), (20, 8), (40, 15), (200, 90)])
def test_any_number_of_pairs_is_counted_exactly(n, minus):
    expected = binomtest(minus, n).pvalue  # equal sizes: sums of coins
    assert stats.sign_flip([3] * (n - minus) + [-3] * minus) == pytest.approx(expected)


@pytest.mark.parametrize("bad", [[1.0, 2.0], [0.001, 0.002], [True, False]])
def test_other_than_whole_images_are_refused(bad):
    with pytest.raises(UserError, match="expected whole numbers of images"):
        stats.sign_flip(bad)
