"""Arrays in, intervals and p-values out; what scipy and statsmodels have is theirs.

Two kinds of chance are kept apart. *Over seeds*: the network would be trained again, the test
images stay. *Over digits*: other test images would be drawn, the trained networks stay. An interval
over one says nothing about the other; `two_way` is over both.
"""

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from scipy import stats
from statsmodels.stats.power import TTestPower

from mnistlib.base import UserError

STEPS = 10  # of an interval's ends, to a test image


class Interval(NamedTuple):
    """A confidence interval, both ends in the unit of what it was computed from."""

    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """Wilson's 95 % interval of a proportion, such as one network's accuracy; over digits."""
    return Interval(*map(float, stats.binomtest(successes, n).proportion_ci(method="wilson")))


def mean_interval(values: Sequence[float]) -> Interval:
    """Student's 95 % interval of a mean, values [n], n > 1; over seeds where each is a seed's."""
    mean, n = np.mean(values), len(values)
    half = stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return Interval(float(mean - half), float(mean + half))


def sign_flip(differences: Sequence[int]) -> float:
    """Two-sided p-value of the sum of paired differences, whole images [n]; chance is over seeds.

    If the technique did nothing, each difference could as well have the other sign: p is the share
    of all 2^n patterns of signs whose sum is as far from 0 or farther, exact for any n: patterns
    are counted by their sums, not one by one (Fisher, "The Design of Experiments", 1935, § 21).
    UserError where they are no whole numbers: differences of accuracies are rounded, and ties would
    be lost among them.
    """
    sample = np.asarray(differences)
    if sample.dtype.kind not in "iu":
        found = f"found differences of type {sample.dtype}, expected whole numbers of images"
        raise UserError(f"{found}: count what each seed reads right")
    sizes = np.abs(sample)
    total = int(sizes.sum())
    share = np.zeros(total + 1)  # of all patterns, by the sum of those sizes that are positive
    share[0] = 1
    for size in sizes:
        half = share / 2
        share = half.copy()
        share[size:] += half[: total + 1 - size]
    sums = np.abs(2 * np.arange(total + 1) - total)
    return float(share[sums >= abs(sample.sum())].sum())


def sign_flip_interval(differences: Sequence[int], level: float = 0.95) -> Interval:
    """Where the mean difference may lie, in images, for all that sign_flip() can tell.

    All shifts of the differences [n] whose p-value is above 1 - level, to a tenth of an image: so
    0 lies outside exactly where p is at most that. Unbounded from too few seeds for any such p.
    """
    fine, alpha = STEPS * np.asarray(differences), 1 - level
    if 2 / 2 ** len(fine) > alpha:
        return Interval(-np.inf, np.inf)

    def least(sample: np.ndarray) -> float:
        shifts = range(sample.min() - 1, ceil(sample.mean()))
        found = bisect_left(shifts, True, key=lambda shift: sign_flip(sample - shift) > alpha)
        return float(shifts[found] if found < len(shifts) else sample.mean())

    low, high = least(fine), 0 - least(-fine)  # 0 - and not -, for there is a -0.0
    return Interval(low / STEPS, high / STEPS)


def two_way(differences: np.ndarray) -> Interval:
    """95 % interval of the mean of differences [seeds, images], over seeds and digits at once.

    Both are drawn: the variance is the sum of what the means of seeds and those of images show,
    less what both of them contain (Owen, "The pigeonhole bootstrap", Ann. Appl. Stat. 1, 2007);
    Student's t has the degrees of freedom of such a sum (Satterthwaite, Biometrics 2, 1946).
    """
    mean, seeds, images = differences.mean(), differences.mean(1), differences.mean(0)
    rest = differences - seeds[:, None] - images + mean
    n, m = differences.shape
    both = (rest**2).sum() / ((n - 1) * (m - 1) * n * m)
    of_seeds, of_images = seeds.var(ddof=1) / n, images.var(ddof=1) / m
    variance = of_seeds + of_images - both
    if variance <= 0:
        return Interval(float(mean), float(mean))
    parts = of_seeds**2 / (n - 1), of_images**2 / (m - 1), both**2 / ((n - 1) * (m - 1))
    half = stats.t.ppf(0.975, variance**2 / sum(parts)) * np.sqrt(variance)
    return Interval(float(mean - half), float(mean + half))


def detectable(differences: Sequence[float], n: int, alpha: float) -> float:
    """The smallest true mean that n seeds show with 80 % power by a two-sided t-test at `alpha`, if
    differences [m] spread as these do; infinite where no sign-flip test of n reaches `alpha`."""
    if 2 / 2**n > alpha:
        return np.inf
    effect = TTestPower().solve_power(nobs=n, alpha=alpha, power=0.8)
    return float(effect * np.std(differences, ddof=1))
