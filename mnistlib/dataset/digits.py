"""Digits in memory: what every reader hands on, how MNIST is known, and what is made of digits."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np

from mnistlib.base import DataError, UserError

FILES = {  # sha256 of the uncompressed bytes, by canonical name: training images, labels, test ones
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
PREFIX = {"train": "train", "test": "t10k"}  # of these names
FINGERPRINT = "fd173559fad9320db65b18dd25991e18011ddf27deee842a82bd2001fcac012a"  # MNIST's
SAMPLE = "ac11000a69e003508e78595657e787dc7ff27cc1e30774f6055eeba33b7a12cf"  # the sample's
MEAN = 0.1307  # mean of all pixels of MNIST's 60,000 training images, in [0, 1]
STD = 0.3081  # their standard deviation
# one rounding per possible grey value
TABLE = ((np.arange(256) / 255 - MEAN) / STD).astype(np.float32)


def header(*shape: int) -> bytes:
    """How an IDX file of this shape begins: two zeros, 8 for uint8, the number of dimensions, each
    of them as big-endian int32. Source: http://yann.lecun.com/exdb/mnist/ (bottom of the page)."""
    return bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()


def dump(array: np.ndarray) -> bytes:
    """The canonical IDX file of an array of small whole numbers."""
    return header(*array.shape) + array.astype(np.uint8).tobytes()


def digest(array: np.ndarray) -> str:
    """sha256 of that file, as 64 hex digits."""
    return sha256(dump(array)).hexdigest()


@dataclass(frozen=True, eq=False)
class Digits:
    """Images and labels of one split; DataError where they are not as stated here."""

    images: np.ndarray  # uint8 [n, 28, 28], n > 0, 0 is background
    labels: np.ndarray  # int64 [n], 0 to 9
    name: str = "digits"  # what they are, such as "MNIST train"

    def __post_init__(self) -> None:
        images, labels, n = self.images, self.labels, self.labels.size
        found = f"{images.dtype} {list(images.shape)} and {labels.dtype} {list(labels.shape)}"
        good_images = images.dtype == np.uint8 and images.shape == (n, 28, 28) and n > 0
        good_labels = labels.dtype == np.int64 and labels.shape == (n,)
        if good_images and good_labels:
            if 0 <= labels.min() <= labels.max() <= 9:
                return
            found = f"labels from {labels.min()} to {labels.max()}"
        expected = "uint8 [n, 28, 28] and int64 [n], n > 0, labels 0 to 9"
        raise DataError(f"{self.name}: found {found}, expected {expected}; fetch others")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digests(self) -> tuple[str, str]:
        """sha256 of the canonical IDX file of the images, and of the labels."""
        return digest(self.images), digest(self.labels)

    @property
    def fingerprint(self) -> str:
        """sha256 over the two digests, as 64 hex digits."""
        return sha256("".join(self.digests).encode()).hexdigest()

    def take(self, index: np.ndarray, name: str) -> "Digits":
        """The digits at `index` (int64 [m] or bool [n]), in that order, under a new name."""
        return Digits(self.images[index], self.labels[index], name)


@dataclass(frozen=True)
class DigitData:
    """A training and a test split that belong together."""

    train: Digits
    test: Digits
    name: str  # "MNIST", "sample" or a data set's own name
    origin: str  # where it was found
    is_sample: bool = False  # whatever is shown from the built-in sample must say so

    @property
    def files(self) -> list[tuple[str, str, bool]]:
        """The four canonical IDX files that these digits make: name, sha256, is it MNIST's."""
        found = zip(FILES, (*self.train.digests, *self.test.digests), strict=True)
        return [(name, digest, digest == FILES[name]) for name, digest in found]

    @property
    def fingerprint(self) -> str:
        """sha256 over both splits' fingerprints."""
        return sha256((self.train.fingerprint + self.test.fingerprint).encode()).hexdigest()

    def named_by_content(self) -> "DigitData":
        """The same, as "MNIST" or "sample" if that is the content and not if it is another."""
        name = f"other {self.name}" if self.name.lower() in ("mnist", "sample") else self.name
        name = "MNIST" if all(known for *_, known in self.files) else name
        name = "sample" if self.fingerprint == SAMPLE else name
        train, test = (replace(getattr(self, part), name=f"{name} {part}") for part in PREFIX)
        return replace(self, train=train, test=test, name=name, is_sample=name == "sample")


def normalise(images: np.ndarray) -> np.ndarray:
    """Scale images, uint8 [n, 28, 28], to [0, 1], minus MEAN, over STD: float32 [n, 1, 28, 28]."""
    return TABLE[images][:, None]


def split(digits: Digits, n_validation: int | None = None) -> tuple[Digits, Digits]:
    """Split n digits by class into a part to train on and a part to choose recipes on.

    The second has n_validation digits (n // 12, which is 5,000 of 60,000, unless given). It is the
    same split always: numpy's legacy `RandomState`, whose stream is frozen (NEP 19), draws it. Both
    keep the given order. UserError where one would be empty.
    """
    n, random = len(digits), np.random.RandomState(0)
    size = n // 12 if n_validation is None else n_validation
    if not 0 < size < n:
        raise UserError(f"{digits.name}: n_validation is {size}, expected 1 to {n - 1}")
    # every class gets its share, rounded down; the largest remainders get what is left
    quotas, remainders = np.divmod(np.bincount(digits.labels, minlength=10) * size, n)
    quotas[np.argsort(-remainders, kind="stable")[: size - quotas.sum()]] += 1
    chosen = np.zeros(n, bool)
    for label, quota in enumerate(quotas):
        chosen[random.permutation(np.flatnonzero(digits.labels == label))[:quota]] = True
    name = digits.name
    return digits.take(~chosen, f"{name}, fitting"), digits.take(chosen, f"{name}, validation")
