"""Intervals and comparisons against scipy, against hand-made cases and against simulation."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest, bootstrap

from mnistlib import stats
from mnistlib.base import UserError


@pytest.mark.parametrize(
    ("successes", "n", "confidence"),
    [(9905, 10_000, 0.95), (0, 10, 0.95), (10, 10, 0.95), (1, 2, 0.8), (9999, 10_000, 0.99)],
)
def test_wilson_equals_scipys(successes, n, confidence):
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert stats.wilson(successes, n, confidence) == pytest.approx((expected.low, expected.high))


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


def test_mcnemar_ignores_images_on_which_both_agree():
    few, many = stats.mcnemar(*pair(0, 3, 9, 0)), stats.mcnemar(*pair(9000, 3, 9, 40))
    assert few == many


def test_mcnemar_is_the_same_from_either_side():
    a, b = pair(10, 2, 8, 1)
    assert stats.mcnemar(a, b).p_value == stats.mcnemar(b, a).p_value
    assert stats.mcnemar(b, a)[:2] == (8, 2)


def test_mcnemar_of_equal_classifiers_is_one():
    a, _ = pair(5, 2, 0, 1)
    assert stats.mcnemar(a, a) == (0, 0, 1.0)


@pytest.mark.parametrize("b", [np.ones(3, bool), np.ones(4, int)])
def test_mcnemar_refuses_other_shapes_and_types(b):
    with pytest.raises(UserError, match=r"bool \[n\]"):
        stats.mcnemar(np.ones(4, bool), b)


def test_bootstrap_depends_on_the_generator_alone():
    values = np.random.default_rng(0).normal(size=20)  # so uneven that no two draws agree
    rngs = [np.random.default_rng(seed) for seed in (1, 1, 2)]
    first, again, other = (stats.bootstrap_mean(values, rng, resamples=99) for rng in rngs)
    assert first == again != other


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_bootstrap_is_scipys_bca(confidence):
    values = [0.989, 0.990, 0.992, 0.991, 0.988]
    given = {"n_resamples": 999, "confidence_level": confidence, "method": "BCa"}
    expected = bootstrap((values,), np.mean, rng=np.random.default_rng(4), **given)
    found = stats.bootstrap_mean(values, np.random.default_rng(4), confidence, resamples=999)
    assert found == pytest.approx(expected.confidence_interval)


def test_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [
        stats.bootstrap_mean(rng.normal(size=30), rng, confidence=0.8, resamples=199)
        for _ in range(300)
    ]
    assert 0.73 < np.mean([low < 0 < high for low, high in intervals]) < 0.87


@pytest.mark.parametrize("values", [[0.9, 0.91], [0.9, 0.9, 0.91], [0.1, 0.2, 0.4, 0.8]])
def test_bootstrap_of_a_handful_is_finite_and_holds_the_mean(values):
    low, high = stats.bootstrap_mean(values, np.random.default_rng(0))
    assert min(values) <= low <= np.mean(values) <= high <= max(values)
    assert low < high


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


def test_confusion_of_small_integers_does_not_overflow():
    nines = np.full(300, 9, dtype=np.uint8)
    assert stats.confusion(nines, nines)[9, 9] == 300


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
