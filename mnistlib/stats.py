"""Arrays in, intervals and p-values out; the formulas are scipy's and statsmodels'.

Two kinds of chance are kept apart. *Over test images*: another test set would be drawn, the trained
network stays. *Over seeds*: the network would be trained again, the test set stays. An interval
over one says nothing about the other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.stats.contingency import crosstab
from statsmodels.stats.multitest import multipletests

from mnistlib.base import UserError

DIGITS = range(10)


class Interval(NamedTuple):
    """A confidence interval, both ends in the unit of what it was computed from."""

    low: float
    high: float


class McNemar(NamedTuple):
    """Images that only a gets right, that only b gets right, and the two-sided p-value."""

    only_a: int
    only_b: int
    p_value: float


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's interval of a proportion, such as one network's accuracy; it is over test images.

    Raises:
        UserError: not 0 <= successes <= n with n >= 1, or confidence not between 0 and 1.
    """
    if not (0 <= successes <= n and n >= 1 and 0 < confidence < 1):
        found = f"found {successes} successes of {n} and confidence {confidence}"
        raise UserError(f"{found}; expected 0 <= successes <= n, n >= 1, and a fraction")
    return Interval(*map(float, stats.binomtest(successes, n).proportion_ci(confidence, "wilson")))


def mcnemar(a_correct: np.ndarray, b_correct: np.ndarray) -> McNemar:
    """Exact McNemar test of two networks on the same test images; its chance is over images.

    Images that both get right or both wrong say nothing about which is better (McNemar 1947). It
    compares two trained networks; for two recipes compare seeds as well.

    Args:
        a_correct, b_correct: bool [n], in the same order of images.

    Raises:
        UserError: shapes differ, are not [n], or the values are not bool.
    """
    a, b = np.asarray(a_correct), np.asarray(b_correct)
    if a.shape != b.shape or a.ndim != 1 or a.dtype != bool or b.dtype != bool:
        found = f"{a.dtype} {list(a.shape)} and {b.dtype} {list(b.shape)}"
        raise UserError(f"found {found}, expected bool [n] twice, for the same images")
    only_a, only_b = int(np.sum(a & ~b)), int(np.sum(b & ~a))
    unequal = only_a + only_b
    return McNemar(only_a, only_b, stats.binomtest(only_a, unequal).pvalue if unequal else 1.0)


def bootstrap_mean(
    values: Sequence[float] | np.ndarray, rng: np.random.Generator | int, confidence: float = 0.95
) -> Interval:
    """BCa bootstrap interval of a mean (Efron 1987), values [n]; over seeds where each is a seed's.

    It never reaches past the smallest and greatest value, and so is too narrow for a handful of
    them: state n beside it. Equal values give an interval of no width.

    Raises:
        UserError: fewer than 2 values, or one that is not finite.
    """
    sample = np.asarray(values, dtype=float)
    if sample.ndim != 1 or len(sample) < 2 or not np.isfinite(sample).all():
        found = f"found {np.isfinite(sample).sum()} finite values of shape {list(sample.shape)}"
        raise UserError(f"{found}, expected [n] with n >= 2: train at least 2 seeds")
    if np.ptp(sample) == 0:  # the acceleration would be 0/0
        return Interval(float(sample[0]), float(sample[0]))
    found = stats.bootstrap((sample,), np.mean, confidence_level=confidence, rng=rng)
    return Interval(*map(float, found.confidence_interval))


def sign_flip(differences: Sequence[int]) -> float:
    """Two-sided p-value of the sum of paired differences, whole images [n]; chance is over seeds.

    If the technique did nothing, each difference could as well have the other sign: p is the share
    of all 2^n patterns of signs whose sum is as far from 0 or farther, exact for any n: patterns
    are counted by their sums, not one by one (Fisher, "The Design of Experiments", 1935, § 21).

    Raises:
        UserError: fewer than 2 differences, or not integers: differences of accuracies are rounded,
            and ties would be lost among them.
    """
    sample = np.asarray(differences)
    if sample.ndim != 1 or len(sample) < 2 or sample.dtype.kind not in "iu":
        raise UserError(
            f"found differences {sample.dtype} {list(sample.shape)}, expected whole numbers of "
            "images, int [n] with n >= 2: count what each seed reads right, for at least 2 seeds"
        )
    sizes = [abs(int(value)) for value in sample]
    total = sum(sizes)
    patterns = np.zeros(total + 1, dtype=object)  # by the sum of those that are positive
    patterns[0] = 1  # Python's integers: 2^n may be of any size
    for size in sizes:
        patterns[size:] += patterns[: total + 1 - size]
    sums = np.abs(2 * np.arange(total + 1) - total)
    return int(patterns[sums >= abs(sum(map(int, sample)))].sum()) / 2 ** len(sizes)


def least_p(n: int) -> float:
    """The least p-value that `sign_flip` can give for n pairs: all of one sign, two-sided."""
    return min(1.0, 2 / 2**n)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's correction of a family of p-values, float [m], in their order.

    Rejecting what stays under 0.05 errs anywhere in the family with probability 0.05 at most,
    however the tests depend on each other (Holm, Scand. J. Statist. 6, 1979).

    Raises:
        UserError: a value outside 0 to 1.
    """
    values = np.asarray(p_values, dtype=float)
    if not ((values >= 0) & (values <= 1)).all():
        raise UserError(f"found p-values {p_values}, expected numbers from 0 to 1")
    return multipletests(values, method="holm")[1] if len(values) else values


def probability_of_better(a: Sequence[float], b: Sequence[float]) -> float:
    """How often a result of `a` is above one of `b`, over all n·m pairs of the two; ties half.

    Unpaired on purpose: what happens to somebody who trains once with each. It is Mann and
    Whitney's U as a share (Vargha and Delaney, J. Educ. Behav. Stat. 25, 2000).
    """
    return float(stats.mannwhitneyu(a, b).statistic / (len(a) * len(b)))


def confusion(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """How often each of n labels was predicted as which digit: int64 [10, 10], a row a label.

    Raises:
        UserError: shapes differ, or values other than whole numbers from 0 to 9.
    """
    pair = np.asarray(labels), np.asarray(predictions)
    if pair[0].shape != pair[1].shape or not np.isin(pair, DIGITS).all():
        found = " and ".join(str(list(values.shape)) for values in pair)
        raise UserError(f"found shapes {found}, expected digits from 0 to 9, [n] twice")
    return crosstab(*pair, levels=(DIGITS, DIGITS)).count


def per_class_error(matrix: np.ndarray) -> np.ndarray:
    """confusion()'s share of each digit that was taken for another, [10]; nan where it has none."""
    images = matrix.sum(axis=1)
    wrong = images - np.diagonal(matrix)
    return np.divide(wrong, images, out=np.full(len(images), np.nan), where=images > 0)
