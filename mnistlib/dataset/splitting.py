"""One fixed, stratified split of training digits for every choice that recipes need."""

from fractions import Fraction

import numpy as np

from mnistlib.base import UserError
from mnistlib.dataset.digits import Digits


def split(digits: Digits, n_validation: int | None = None, seed: int = 0) -> tuple[Digits, Digits]:
    """Split digits by class into a part to train on and a part to choose recipes on.

    The same at every call, whatever seed a training uses: numpy's legacy `RandomState`, whose
    stream is frozen (NEP 19), orders the digits of each class. Both parts keep the given order.

    Args:
        digits: what to split, n digits.
        n_validation: size of the second part; n // 12, which is 5,000 of 60,000, unless given.
        seed: of the order; 0 is the split that all recipes of the project were chosen on.

    Returns:
        n − n_validation digits and n_validation digits, each with all classes in proportion.

    Raises:
        UserError: n_validation leaves one of the parts empty.
    """
    n = len(digits)
    n_validation = n // 12 if n_validation is None else n_validation
    if not 0 < n_validation < n:
        raise UserError(f"{digits.name}: n_validation is {n_validation}, expected 1 to {n - 1}")
    chosen = np.zeros(n, bool)
    chosen[_stratified(digits.labels, n_validation, seed)] = True
    first, second = np.flatnonzero(~chosen), np.flatnonzero(chosen)
    name = digits.name
    return digits.take(first, f"{name}, fitting"), digits.take(second, f"{name}, validation")


def _stratified(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Indices of `size` digits, from each class in proportion."""
    random = np.random.RandomState(seed)
    quotas = _quotas(np.bincount(labels, minlength=10).tolist(), size)
    parts = [
        random.permutation(np.flatnonzero(labels == label))[:quota]
        for label, quota in enumerate(quotas)
    ]
    return np.concatenate(parts)


def _quotas(counts: list[int], size: int) -> list[int]:
    """Share `size` out in proportion to `counts`, by largest remainders."""
    shares = [Fraction(count * size, sum(counts)) for count in counts]
    quotas = [int(share) for share in shares]
    by_remainder = sorted(range(len(counts)), key=lambda i: quotas[i] - shares[i])
    for i in by_remainder[: size - sum(quotas)]:
        quotas[i] += 1
    return quotas
