"""Digits for every test: real MNIST where MNIST_DIR names it, else the sample; never a network."""

import os
import signal

os.environ["MNIST_OFFLINE"] = "1"  # before any test, and for the processes that tests start

import numpy as np
import pytest

from mnistlib import base
from mnistlib.dataset import DigitData, Digits, export, load

# A shell's background job ignores Ctrl-C, and so would the processes that tests stop by it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def digit_data() -> DigitData:
    """Both splits: 60,000 and 10,000 of MNIST, or 4,000 and 1,000 of the sample."""
    return load()


@pytest.fixture(scope="session")
def tiny(digit_data: DigitData) -> DigitData:
    """200 training and 100 test digits, as many of each class, classes mixed."""
    train, test = _balanced(digit_data.train, 20), _balanced(digit_data.test, 10)
    return DigitData(train, test, "tiny", "the first digits of each class")


@pytest.fixture(scope="session")
def folder(tiny, tmp_path_factory):
    """The tiny digits as archives."""
    export(tiny, folder := tmp_path_factory.mktemp("digits"))
    return folder


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache of this test's own."""
    monkeypatch.setattr(base, "CACHE", tmp_path / "cache")
    return base.CACHE


def _balanced(digits: Digits, per_class: int) -> Digits:
    index = [np.flatnonzero(digits.labels == label)[:per_class] for label in range(10)]
    return digits.take(np.stack(index, 1).ravel(), digits.name)


ALONE = ("test_bench", "test_kills", "test_report", "test_study")  # starts of names of files


def pytest_collection_modifyitems(items):
    """Tests that kill processes or take times run by themselves, after all others."""
    for item in items:
        if item.path.stem.startswith(ALONE):
            item.add_marker(pytest.mark.alone)
