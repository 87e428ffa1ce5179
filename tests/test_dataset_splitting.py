# ruff: noqa: NPY002 - the global stream is what is tested
"""The split that recipes are chosen on: fixed, stratified, without overlap."""

from hashlib import sha256

import numpy as np
import pytest

from mnistlib.base import UserError
from mnistlib.dataset import Digits, split
from mnistlib.dataset.sample import sample


def numbered(labels):
    """Digits whose first pixels hold their own position."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images.reshape(len(labels), -1)[:, :2] = np.arange(len(labels))[:, None] // [256, 1] % 256
    return Digits(images, np.asarray(labels, np.int64))


def positions(digits):
    return digits.images.reshape(len(digits), -1)[:, :2].astype(int) @ [256, 1]


def test_every_digit_lands_in_one_part_and_keeps_its_place():
    train, validation = split(numbered(np.arange(1000) % 10), 100)
    first, second = positions(train), positions(validation)
    assert sorted([*first, *second]) == list(range(1000))
    assert (np.diff(first) > 0).all()
    assert (np.diff(second) > 0).all()


def test_classes_are_shared_out_in_proportion():
    _, validation = split(numbered([0] * 60 + [1] * 30 + [2] * 10), 20)
    assert np.bincount(validation.labels).tolist() == [12, 6, 2]


@pytest.mark.parametrize("size", [1, 7, 99, 119])
def test_the_size_is_exact_where_proportions_are_not(size):
    train, validation = split(numbered(np.arange(120) % 7), size)
    assert (len(train), len(validation)) == (120 - size, size)


def test_a_twelfth_is_held_out_unless_told():
    assert [len(part) for part in split(numbered(np.arange(600) % 10))] == [550, 50]


def test_mnist_is_split_55_000_to_5_000(digit_data):
    if digit_data.is_sample:
        pytest.skip("needs MNIST_DIR")
    train, validation = split(digit_data.train)
    assert (len(train), len(validation)) == (55_000, 5_000)
    assert validation.fingerprint.startswith("2e72476838")


def test_the_split_is_the_same_on_every_machine_and_version():
    _, validation = split(sample().train)
    assert validation.fingerprint.startswith("081913f88f")


def test_it_depends_on_no_global_seed_and_leaves_it_alone():
    np.random.seed(1)
    before = np.random.get_state()[1].tolist()
    first = split(numbered(np.arange(100) % 10))[1].fingerprint
    assert np.random.get_state()[1].tolist() == before
    np.random.seed(2)
    assert split(numbered(np.arange(100) % 10))[1].fingerprint == first


@pytest.mark.parametrize("size", [0, 100, -1])
def test_an_empty_part_is_refused(size):
    with pytest.raises(UserError, match="expected 1 to 99"):
        split(numbered(np.arange(100) % 10), size)


def test_a_fingerprint_is_that_of_the_canonical_files():
    digits = numbered([3, 4])
    images = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (2, 28, 28))
    labels = b"\0\0\x08\x01" + (2).to_bytes(4, "big") + bytes([3, 4])
    files = sha256(images + digits.images.tobytes()), sha256(labels)
    assert digits.digests == tuple(file.hexdigest() for file in files)
    assert digits.renamed("x").fingerprint == digits.fingerprint != numbered([4, 3]).fingerprint
