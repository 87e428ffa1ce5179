"""Intervals and p-values against scipy, hand-made cases, simulation and brute force."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from mnistlib import stats
from mnistlib.base import UserError


def test_wilson_by_hand():
    assert stats.wilson(10, 10) == pytest.approx((10 / (10 + 1.959964**2), 1))
    assert stats.wilson(0, 10, 0.8) == pytest.approx((0, 1.281552**2 / (10 + 1.281552**2)))


@pytest.mark.parametrize("wrong", [(11, 10), (-1, 10), (0, 0), (1, 2, 0.0), (1, 2, 95)])
def test_wilson_refuses_what_is_no_proportion(wrong):
    with pytest.raises(UserError):
        stats.wilson(*wrong)


def pair(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_a, only_b, neither]
    return np.repeat([True, True, False, False], counts), np.repeat(
        [True, False, True, False], counts
    )


def test_mcnemar_counts_and_tests_only_the_images_on_which_one_is_right():
    # 1 against 5 of 6: two-sided 2·(1 + 6)/2^6
    assert stats.mcnemar(*pair(50, 1, 5, 3)) == (1, 5, pytest.approx(14 / 64))


@pytest.mark.parametrize(("only_a", "only_b"), [(1, 5), (5, 1), (3, 3), (0, 7), (40, 61)])
def test_mcnemar_is_twice_the_tail_of_a_fair_coin(only_a, only_b):
    found = stats.mcnemar(*pair(20, only_a, only_b, 2)).p_value
    tail = binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)
    assert found == pytest.approx(min(1, 2 * tail))


def test_mcnemar_of_equal_classifiers_is_one():
    a, _ = pair(5, 2, 0, 1)
    assert stats.mcnemar(a, a) == (0, 0, 1.0)


@pytest.mark.parametrize("b", [np.ones(3, bool), np.ones(4, int)])
def test_mcnemar_refuses_other_shapes_and_types(b):
    with pytest.raises(UserError, match=r"bool \[n\]"):
        stats.mcnemar(np.ones(4, bool), b)


def test_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [stats.bootstrap_mean(rng.normal(size=30), rng, confidence=0.8) for _ in range(300)]
    assert 0.73 < np.mean([low < 0 < high for low, high in intervals]) < 0.87


def test_bootstrap_of_equal_values_has_no_width():
    assert stats.bootstrap_mean([0.99] * 3, np.random.default_rng(0)) == (0.99, 0.99)


@pytest.mark.parametrize("values", [[], [0.99], [0.99, np.nan], [[0.9, 0.8]]])
def test_bootstrap_says_how_many_values_it_needs(values):
    with pytest.raises(UserError, match="n >= 2"):
        stats.bootstrap_mean(values, np.random.default_rng(0))


def test_confusion_has_labels_in_rows_and_predictions_in_columns():
    matrix = stats.confusion(np.array([4, 4, 9, 0]), np.array([9, 4, 9, 0]))
    expected = np.zeros((10, 10), int)
    expected[4, 9] = expected[4, 4] = expected[9, 9] = expected[0, 0] = 1
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, expected)


@pytest.mark.parametrize(
    ("labels", "predictions"), [([0, 1], [0]), ([0, 10], [0, 1]), ([0, -1], [0, 1]), ([0.5], [0])]
)
def test_confusion_refuses_what_are_no_digits(labels, predictions):
    with pytest.raises(UserError):
        stats.confusion(np.array(labels), np.array(predictions))


def test_error_of_each_class_and_nan_where_there_is_no_image():
    matrix = stats.confusion(np.array([4, 4, 4, 4, 7]), np.array([9, 4, 4, 4, 7]))
    error = stats.per_class_error(matrix)
    assert error[4] == 0.25
    assert error[7] == 0
    assert np.isnan(np.delete(error, [4, 7])).all()


def test_sign_flips_are_counted_by_hand():
    # |sum| of ±1 ±2 ±3 is 6 for two of eight patterns, at least 4 for four
    assert stats.sign_flip([1, 2, 3]) == 2 / 8
    assert stats.sign_flip([-1, 2, 3]) == 4 / 8
    assert stats.sign_flip([1, -1]) == stats.sign_flip([0, 0]) == 1


@given(st.lists(st.integers(-30, 30), min_size=2, max_size=12))
def test_sign_flips_are_those_of_every_pattern(sample):
    sums = np.array(list(product([1, -1], repeat=len(sample)))) @ sample
    assert stats.sign_flip(sample) == np.mean(np.abs(sums) >= abs(sum(sample)))


@pytest.mark.parametrize(("n", "minus"), [(20, 8), (40, 15), (200, 90)])
def test_any_number_of_pairs_is_counted_exactly(n, minus):
    expected = binomtest(minus, n).pvalue  # equal sizes: sums of coins
    assert stats.sign_flip([3] * (n - minus) + [-3] * minus) == pytest.approx(expected)


@pytest.mark.parametrize("n", [2, 5, 10, 40])
def test_pairs_of_one_sign_give_the_least_p(n):
    assert stats.sign_flip(np.arange(1, n + 1)) == stats.least_p(n) == 2 / 2**n


@pytest.mark.parametrize("bad", [[], [1], [1.0, 2.0], [0.001, 0.002], [[1, 2]], [True, False]])
def test_too_few_differences_and_other_than_whole_images_are_refused(bad):
    with pytest.raises(UserError, match="expected whole numbers of images"):
        stats.sign_flip(bad)


def test_holm_by_hand():
    # sorted .01 .02 .03 times 4 3 2: .04 .06 .06, and .5 times 1
    assert stats.holm([0.02, 0.5, 0.01, 0.03]) == pytest.approx([0.06, 0.5, 0.04, 0.06])
    assert stats.holm([0.9, 0.8]).tolist() == [1, 1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_procedure_of_bonferroni_tests(values):
    places = range(len(values))
    sets = [s for n in places for s in combinations(places, n + 1)]
    expected = [
        max(min(1, len(s) * min(values[j] for j in s)) for s in sets if i in s) for i in places
    ]
    assert stats.holm(values) == pytest.approx(expected)


def test_holm_refuses_what_is_no_probability():
    with pytest.raises(UserError, match="expected numbers from 0 to 1"):
        stats.holm([0.1, float("nan")])


def test_the_probability_of_being_better_by_hand():
    # of six pairs 3>1, 3>2, 2>1 are won, 2=2 is half, 1 and 1 lose or tie
    assert stats.probability_of_better([3, 2], [1, 2, 2]) == (3 + 1 + 2 * 0.5) / 6
    assert stats.probability_of_better([1, 2], [3, 4]) == 0
