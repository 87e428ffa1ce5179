"""Arrays in, intervals and paired comparisons out.

Two kinds of chance are kept apart. *Over test images*: another test set would be drawn, the trained
network stays. *Over seeds*: the network would be trained again, the test set stays. An interval
over one says nothing about the other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from mnistlib.base import UserError

CLASSES = 10


class Interval(NamedTuple):
    """A confidence interval, both ends in the unit of what it was computed from."""

    low: float
    high: float


class McNemar(NamedTuple):
    """The images on which just one of two classifiers is right, and what follows from them.

    Attributes:
        only_a: images that a gets right and b wrong.
        only_b: images that b gets right and a wrong.
        p_value: two-sided; how often a fair coin would split those images so unevenly or more.
    """

    only_a: int
    only_b: int
    p_value: float


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a proportion, such as an accuracy; it is over test images.

    It holds for one trained network. Unlike p ± z·sqrt(p(1−p)/n) it stays within 0 to 1 and covers
    well near them (Wilson 1927; Brown, Cai, DasGupta 2001, "Interval estimation for a binomial
    proportion").

    Raises:
        UserError: not 0 <= successes <= n with n >= 1, or confidence not between 0 and 1.
    """
    if not 0 <= successes <= n or n < 1:
        raise UserError(f"found {successes} successes of {n}, expected 0 <= successes <= n, n >= 1")
    z = stats.norm.isf((1 - _checked(confidence)) / 2)
    p = successes / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Interval(max(0.0, float(centre - half)), min(1.0, float(centre + half)))


def _checked(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise UserError(f"found confidence {confidence}, expected a fraction such as 0.95")
    return confidence


def mcnemar(a_correct: np.ndarray, b_correct: np.ndarray) -> McNemar:
    """Exact McNemar test of two classifiers on the same test images; its chance is over images.

    Images that both get right or both wrong carry no information about which is better (McNemar
    1947). It compares two trained networks; for two recipes compare seeds as well.

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
    discordant = only_a + only_b
    p_value = stats.binomtest(only_a, discordant).pvalue if discordant else 1.0
    return McNemar(only_a, only_b, float(p_value))


def bootstrap_mean(
    values: Sequence[float] | np.ndarray,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 9_999,
) -> Interval:
    """BCa bootstrap interval of the mean; over seeds where each value is one seed's result.

    Bias-corrected and accelerated (Efron 1987). It never reaches past the smallest and greatest
    value, and so is too narrow for a handful of them: state n beside it. Equal values give an
    interval of no width, since nothing was seen to vary.

    Args:
        values: float [n], n >= 2.

    Raises:
        UserError: fewer than 2 values, a value that is not finite, or a confidence that is none.
    """
    sample = np.asarray(values, dtype=float)
    if sample.ndim != 1 or len(sample) < 2 or not np.isfinite(sample).all():
        raise UserError(
            f"found values of shape {list(sample.shape)}, {np.isfinite(sample).sum()} of them "
            "finite; expected [n] with n >= 2, all finite: train at least 2 seeds"
        )
    _checked(confidence)
    if np.ptp(sample) == 0:  # the acceleration would be 0/0
        return Interval(float(sample[0]), float(sample[0]))
    result = stats.bootstrap(
        (sample,), np.mean, n_resamples=resamples, confidence_level=confidence, rng=rng
    )
    return Interval(*map(float, result.confidence_interval))


def confusion(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """How often each digit was taken for each: int64 [10, 10], row = label, column = prediction.

    Args:
        labels, predictions: integers [n], 0 to 9, in the same order of images.

    Raises:
        UserError: shapes differ, or values other than whole numbers from 0 to 9.
    """
    pair = [np.asarray(labels), np.asarray(predictions)]
    if pair[0].shape != pair[1].shape or pair[0].ndim != 1:
        found = " and ".join(str(list(values.shape)) for values in pair)
        raise UserError(f"found labels and predictions of shapes {found}, expected [n] twice")
    if not all(np.isin(values, np.arange(CLASSES)).all() for values in pair):
        raise UserError("found labels or predictions outside 0 to 9, expected digits")
    cells = CLASSES * pair[0].astype(np.int64) + pair[1].astype(np.int64)
    return np.bincount(cells, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def per_class_error(matrix: np.ndarray) -> np.ndarray:
    """Share of each digit's images that were taken for another: float [10]; nan where it has none.

    Args:
        matrix: counts [10, 10] as from confusion.
    """
    images = matrix.sum(axis=1)
    wrong = images - np.diagonal(matrix)
    return np.divide(wrong, images, out=np.full(len(images), np.nan), where=images > 0)
