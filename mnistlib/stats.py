"""Arrays in, intervals and p-values out; the formulas are scipy's.

Two kinds of chance are kept apart. *Over test images*: another test set would be drawn, the trained
network stays. *Over seeds*: the network would be trained again, the test set stays. An interval
over one says nothing about the other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from mnistlib.base import UserError


class Interval(NamedTuple):
    """A 95 % confidence interval, both ends in the unit of what it was computed from."""

    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """Wilson's interval of a proportion, such as one network's accuracy; it is over test images."""
    return Interval(*map(float, stats.binomtest(successes, n).proportion_ci(method="wilson")))


def bootstrap_mean(values: Sequence[float], rng: np.random.Generator | int) -> Interval:
    """BCa bootstrap interval of a mean (Efron 1987), values [n]; over seeds where each is a seed's.

    It never reaches past the smallest and greatest value, and so is too narrow for a handful of
    them: state n beside it. Equal values give an interval of no width.
    """
    if np.ptp(values) == 0:  # the acceleration would be 0/0
        return Interval(float(values[0]), float(values[0]))
    return Interval(*map(float, stats.bootstrap((values,), np.mean, rng=rng).confidence_interval))


def sign_flip(differences: Sequence[int]) -> float:
    """Two-sided p-value of the sum of paired differences, whole images [n]; chance is over seeds.

    If the technique did nothing, each difference could as well have the other sign: p is the share
    of all 2^n patterns of signs whose sum is as far from 0 or farther, exact for any n: patterns
    are counted by their sums, not one by one (Fisher, "The Design of Experiments", 1935, § 21).

    Raises:
        UserError: not whole numbers: differences of accuracies are rounded, and ties would be lost
            among them.
    """
    sample = np.asarray(differences)
    if sample.dtype.kind not in "iu":
        found = f"found differences of type {sample.dtype}, expected whole numbers of images"
        raise UserError(f"{found}: count what each seed reads right")
    sizes = [abs(int(value)) for value in sample]
    total = sum(sizes)
    patterns = np.zeros(total + 1, dtype=object)  # by the sum of those that are positive
    patterns[0] = 1  # Python's integers: 2^n may be of any size
    for size in sizes:
        patterns[size:] += patterns[: total + 1 - size]
    sums = np.abs(2 * np.arange(total + 1) - total)
    return int(patterns[sums >= abs(sum(map(int, sample)))].sum()) / 2 ** len(sizes)
