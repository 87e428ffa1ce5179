"""Digits in memory: the one form in which every reader hands its data on."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from mnistlib.errors import DataError


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
        n = len(self.labels)
        if self.images.dtype != np.uint8 or self.images.shape != (n, 28, 28) or n == 0:
            found = f"{self.images.dtype} {list(self.images.shape)} and {n} labels"
            raise DataError(f"{self.name}: found images {found}, expected uint8 [n, 28, 28], n > 0")
        if self.labels.dtype != np.int64 or self.labels.min() < 0 or self.labels.max() > 9:
            raise DataError(f"{self.name}: expected int64 labels from 0 to 9")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the digits' two canonical IDX files, as 64 hex digits."""
        from mnistlib.dataset import idx

        return idx.fingerprint(self.images, self.labels)

    def take(self, index: np.ndarray, name: str) -> "Digits":
        """The digits at `index` (int64 [m]), in that order, under a new name."""
        return Digits(self.images[index], self.labels[index], name)


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
        from hashlib import sha256

        return sha256((self.train.fingerprint + self.test.fingerprint).encode()).hexdigest()
