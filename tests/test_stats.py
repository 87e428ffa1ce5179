"""Intervals and p-values against hand-made cases, simulation and brute force."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mnistlib import stats
from mnistlib.base import UserError


def test_wilson_by_hand():
    assert stats.wilson(10, 10) == pytest.approx((10 / (10 + 1.959964**2), 1))
    assert stats.wilson(0, 10) == pytest.approx((0, 1.959964**2 / (10 + 1.959964**2)))


def test_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [stats.bootstrap_mean(rng.normal(size=30), rng) for _ in range(300)]
    assert 0.9 < np.mean([low < 0 < high for low, high in intervals]) < 0.98


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
