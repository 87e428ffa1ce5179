"""Comparing recipes over paired seeds: arrays in, differences, p-values and verdicts' parts out.

Seed by seed, a technique's result minus the baseline's: the seed gives both the same initial
weights and order, so that what a lucky seed gives to both drops out.
"""

from collections.abc import Sequence

import numpy as np

from mnistlib.base import UserError


def sign_flip(differences: Sequence[int]) -> float:
    """Two-sided p-value of the sum of paired differences, whole images [n]; chance is over seeds.

    If the technique did nothing, each difference could as well have the other sign: p is the share
    of all 2^n patterns of signs whose sum is as far from 0 or farther, exact for any n: patterns
    are counted by their sums, not one by one. No distribution is assumed. Source: Fisher, "The
    Design of Experiments", 1935, section 21.

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
    return int(patterns[sums >= abs(int(sample.sum()))].sum()) / 2 ** len(sizes)


def least_p(n: int) -> float:
    """The least p-value that `sign_flip` can give for n pairs: all of one sign, two-sided."""
    return min(1.0, 2 / 2**n)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's correction of a family of p-values, float [m], in their order.

    The smallest is multiplied by m, the next by m − 1, and so on; none becomes smaller than one
    before it, nor larger than 1. Rejecting what stays under 0.05 errs anywhere in the family with
    probability 0.05 at most, however the tests depend on each other. Source: Holm, "A simple
    sequentially rejective multiple test procedure", Scand. J. Statist. 6, 1979.

    Raises:
        UserError: a value outside 0 to 1.
    """
    values = np.asarray(p_values, dtype=float)
    if not ((values >= 0) & (values <= 1)).all():
        raise UserError(f"found p-values {p_values}, expected numbers from 0 to 1")
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def probability_of_better(a: Sequence[float], b: Sequence[float]) -> float:
    """How often a result of `a` is above one of `b`, over all pairs of the two; ties count half.

    It is unpaired on purpose: it answers what happens to somebody who trains once with each.
    Source: Vargha and Delaney, "A critique and improvement of the CL common language effect size
    statistics", J. Educ. Behav. Stat. 25, 2000.

    Args:
        a, b: float [n] and [m], larger is better.
    """
    wins = np.asarray(a)[:, None] - np.asarray(b)[None, :]  # [n, m]
    return float(((wins > 0) + 0.5 * (wins == 0)).mean())
