from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, wilcoxon

from mnistlib.base import UserError
from mnistlib.paired import holm, least_p, probability_of_better, sign_flip

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_sign_flips_are_counted_by_hand():
    # |sum| of ±1 ±2 ±3 is 6 for two of eight patterns, at least 4 for four
    assert sign_flip([1, 2, 3]) == 2 / 8
    assert sign_flip([-1, 2, 3]) == 4 / 8
    assert sign_flip([1, -1]) == sign_flip([0, 0]) == 1


@given(st.lists(st.integers(-30, 30), min_size=2, max_size=12))
def test_sign_flips_are_those_of_every_pattern(sample):
    sums = np.array(list(product([1, -1], repeat=len(sample)))) @ sample
    assert sign_flip(sample) == np.mean(np.abs(sums) >= abs(sum(sample)))


def test_it_agrees_with_wilcoxon_where_differences_are_ranks():
    ranks = np.array([1, -2, 3, 4, -5, 6, 7, 8])
    assert sign_flip(ranks) == sign_flip(-ranks)
    assert sign_flip(ranks) == pytest.approx(wilcoxon(ranks, method="exact").pvalue)


@pytest.mark.parametrize(("n", "minus"), [(20, 8), (40, 15), (200, 90)])
def test_any_number_of_pairs_is_counted_exactly(n, minus):
    expected = binomtest(minus, n).pvalue  # equal sizes: sums of coins
    assert sign_flip([3] * (n - minus) + [-3] * minus) == pytest.approx(expected)


@pytest.mark.parametrize("n", [2, 5, 10, 40])
def test_pairs_of_one_sign_give_the_least_p(n):
    assert sign_flip(np.arange(1, n + 1)) == least_p(n) == 2 / 2**n


@pytest.mark.parametrize("bad", [[], [1], [1.0, 2.0], [0.001, 0.002], [[1, 2]], [True, False]])
def test_too_few_differences_and_other_than_whole_images_are_refused(bad):
    with pytest.raises(UserError, match="expected whole numbers of images"):
        sign_flip(bad)


def test_holm_by_hand():
    # sorted .01 .02 .03 times 4 3 2: .04 .06 .06, and .5 times 1
    assert holm([0.02, 0.5, 0.01, 0.03]) == pytest.approx([0.06, 0.5, 0.04, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1, 1]


@given(P_VALUES)
def test_holm_keeps_the_order_and_lies_between_no_correction_and_bonferroni(values):
    p, corrected = np.array(values), holm(values)
    assert (corrected >= p).all()
    assert (corrected <= np.minimum(1, p * len(p)) + 1e-15).all()
    assert (np.diff(corrected[np.argsort(p, kind="stable")]) >= 0).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_procedure_of_bonferroni_tests(values):
    places = range(len(values))
    sets = [s for n in places for s in combinations(places, n + 1)]
    expected = [
        max(min(1, len(s) * min(values[j] for j in s)) for s in sets if i in s) for i in places
    ]
    assert holm(values) == pytest.approx(expected)


def test_holm_refuses_what_is_no_probability():
    with pytest.raises(UserError, match="expected numbers from 0 to 1"):
        holm([0.1, float("nan")])


def test_the_probability_of_being_better_by_hand():
    # of six pairs 3>1, 3>2, 2>1 are won, 2=2 is half, 1 and 1 lose or tie
    assert probability_of_better([3, 2], [1, 2, 2]) == (3 + 1 + 2 * 0.5) / 6
    assert probability_of_better([1, 2], [3, 4]) == 0
