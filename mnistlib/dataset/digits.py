"""Digits in memory: the one form in which every reader hands its data on."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256

import numpy as np

from mnistlib.base import DataError
from mnistlib.dataset import idx


@dataclass(frozen=True, eq=False)
class Digits:
    """Images and labels of one split.

    Attributes:
        images: uint8 [n, 28, 28], 0 is background.
        labels: int64 [n], 0 to 9.
        name: what the digits are, such as "MNIST train".

    Raises:
        DataError: shapes, types, counts or labels are not as stated above.
    """

    images: np.ndarray
    labels: np.ndarray
    name: str = field(default="digits")

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        n = len(labels)
        if images.dtype != np.uint8 or images.shape != (n, 28, 28) or n == 0:
            found = f"{images.dtype} {list(images.shape)} and {n} labels"
            raise DataError(f"{self.name}: found images {found}, expected uint8 [n, 28, 28], n > 0")
        if labels.dtype != np.int64 or labels.shape != (n,):
            found = f"{labels.dtype} {list(labels.shape)}"
            raise DataError(f"{self.name}: found labels {found}, expected int64 [{n}]")
        if labels.min() < 0 or labels.max() > 9:
            wrong = int(np.flatnonzero((labels < 0) | (labels > 9))[0])
            found = f"label {labels[wrong]} at position {wrong}"
            raise DataError(f"{self.name}: found {found}, expected labels from 0 to 9")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digests(self) -> tuple[str, str]:
        """sha256 of the canonical IDX file of the images, and of the labels."""
        return idx.digest(self.images), idx.digest(self.labels)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the two digests, as 64 hex digits."""
        return sha256("".join(self.digests).encode()).hexdigest()

    def take(self, index: np.ndarray, name: str) -> "Digits":
        """The digits at `index` (int64 [m]), in that order, under a new name."""
        return Digits(self.images[index], self.labels[index], name)

    def renamed(self, name: str) -> "Digits":
        """The same digits under a new name; nothing is copied, and known digests are kept."""
        same = replace(self, name=name)
        if "digests" in self.__dict__:
            same.__dict__["digests"] = self.digests
        return same


@dataclass(frozen=True)
class DigitData:
    """A training and a test split that belong together.

    Attributes:
        name: "MNIST", "sample" or a data set's own name.
        origin: how it was found, in a few words without a path.
        is_sample: True for the built-in sample; whatever is shown from it must say so.
    """

    train: Digits
    test: Digits
    name: str
    origin: str
    is_sample: bool = False

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over both splits' fingerprints."""
        return sha256((self.train.fingerprint + self.test.fingerprint).encode()).hexdigest()
