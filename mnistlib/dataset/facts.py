"""What a data set is, for people to read: where it came from, its checksums, its classes."""

from dataclasses import dataclass

import numpy as np

from mnistlib.dataset.canonical import FILES, digests
from mnistlib.dataset.digits import DigitData, Digits


@dataclass(frozen=True)
class Facts:
    """The facts of a data set.

    Attributes:
        name, origin, is_sample, fingerprint: as in `DigitData`.
        n_train, n_test: numbers of digits.
        files: (canonical file name, sha256 of its uncompressed bytes, is it MNIST's), four rows.
        classes: (class, training digits, test digits), ten rows.
    """

    name: str
    origin: str
    is_sample: bool
    fingerprint: str
    n_train: int
    n_test: int
    files: list[tuple[str, str, bool]]
    classes: list[tuple[int, int, int]]


def describe(data: DigitData) -> Facts:
    """Collect the facts of a data set."""
    found = digests(data.train, data.test)
    counts = zip(range(10), _counts(data.train), _counts(data.test), strict=True)
    return Facts(
        name=data.name,
        origin=data.origin,
        is_sample=data.is_sample,
        fingerprint=data.fingerprint,
        n_train=len(data.train),
        n_test=len(data.test),
        files=[(name, digest, digest == FILES[name]) for name, digest in found.items()],
        classes=list(counts),
    )


def _counts(digits: Digits) -> list[int]:
    return np.bincount(digits.labels, minlength=10).tolist()
