"""Comparing recipes over paired seeds: arrays in, differences, p-values and verdicts' parts out.

Seed by seed, a technique's result minus the baseline's: the seed gives both the same initial
weights and order, so that what a lucky seed gives to both drops out.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from mnistlib.base import UserError

EXACT = 16  # pairs up to which all sign patterns are counted; 2^16 take a moment
RESAMPLES = 99_999


def sign_flip(differences: Sequence[float], rng: np.random.Generator) -> float:
    """Two-sided p-value of the mean of paired differences, float [n]; its chance is over seeds.

    If the technique did nothing, each difference could as well have the other sign: p is the share
    of all 2^n patterns of signs whose mean is as far from 0 or farther. All patterns are counted
    up to n = 16, beyond that 99,999 are drawn. No distribution is assumed. Source: Fisher, "The
    Design of Experiments", 1935, section 21.

    Raises:
        UserError: fewer than 2 differences, or one that is not finite.
    """
    sample = _checked(differences)
    exact = len(sample) <= EXACT
    result = stats.permutation_test(
        (sample,),
        np.mean,
        permutation_type="samples",
        n_resamples=np.inf if exact else RESAMPLES,
        rng=rng,
    )
    return float(result.pvalue)


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


def _checked(differences: Sequence[float]) -> np.ndarray:
    sample = np.asarray(differences, dtype=float)
    if sample.ndim != 1 or len(sample) < 2 or not np.isfinite(sample).all():
        raise UserError(
            f"found differences of shape {list(sample.shape)}, expected [n] with n >= 2, all "
            "finite: train at least 2 seeds of both"
        )
    return sample
