"""Digits in memory: fingerprints, the sample, and the split that recipes are chosen on."""

import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest

from mnistlib.base import DataError, UserError
from mnistlib.dataset import MEAN, STD, Digits, digits, normalise, sample, split


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


def test_classes_are_shared_out_in_proportion_a_twelfth_unless_told():
    _, validation = split(numbered([0] * 60 + [1] * 30 + [2] * 10), 20)
    assert np.bincount(validation.labels).tolist() == [12, 6, 2]
    assert [len(part) for part in split(numbered(np.arange(600) % 10))] == [550, 50]
    assert [len(part) for part in split(numbered(np.arange(120) % 7), 99)] == [21, 99]


def test_the_split_is_the_same_on_every_machine_and_version(digit_data):
    _, validation = split(sample().train)
    assert validation.fingerprint.startswith("081913f88f")
    uneven = split(numbered(np.arange(997) ** 2 % 11 % 10), 101)
    assert uneven[1].fingerprint.startswith("d9941f73e6")
    if not digit_data.is_sample:
        assert split(digit_data.train)[1].fingerprint.startswith("2e72476838")


@pytest.mark.parametrize("size", [0, 100, -1])
def test_an_empty_part_is_refused(size):
    with pytest.raises(UserError, match="expected 1 to 99"):
        split(numbered(np.arange(100) % 10), size)


def test_a_fingerprint_is_that_of_the_canonical_files():
    found = numbered([3, 4])
    images = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (2, 28, 28))
    labels = b"\0\0\x08\x01" + (2).to_bytes(4, "big") + bytes([3, 4])
    files = sha256(images + found.images.tobytes()), sha256(labels)
    assert found.digests == tuple(file.hexdigest() for file in files)
    assert digits.digest(found.images.astype(np.int64)) == found.digests[0]


@pytest.mark.parametrize("labels", [[10], [-1], [], [1, 2]])
def test_digits_are_what_they_say_or_an_error(labels):
    with pytest.raises(DataError, match=r"digits: found .*expected"):
        Digits(np.zeros((1, 28, 28), np.uint8), np.array(labels, np.int64))


def test_the_sample_is_stratified_and_always_the_same():
    found = sample()
    assert (found.is_sample, found.fingerprint) == (True, digits.SAMPLE)
    assert np.bincount(found.train.labels).tolist() == [400] * 10
    assert np.bincount(found.test.labels).tolist() == [100] * 10
    train, test = ({image.tobytes() for image in part.images} for part in (found.train, found.test))
    assert not train & test


def test_files_are_those_that_the_digits_would_make(tiny, digit_data):
    assert tiny.files[0][0] == "train-images-idx3-ubyte"
    assert tiny.files[3][1:] == (tiny.test.digests[1], False)
    assert {known for *_, known in digit_data.files} == {not digit_data.is_sample}


def test_normalising_is_scale_minus_mean_over_deviation(digit_data):
    greys = np.arange(3 * 784).reshape(3, 28, 28).astype(np.uint8)  # every one
    found = normalise(greys)
    assert (found.shape, found.dtype) == ((3, 1, 28, 28), np.float32)
    np.testing.assert_allclose(found[:, 0], (greys / 255 - 0.1307) / 0.3081, rtol=1e-6)
    assert sha256(digits.TABLE.tobytes()).hexdigest().startswith("457d93e318")
    if not digit_data.is_sample:
        pixels = digit_data.train.images / 255
        assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (MEAN, STD) == (0.1307, 0.3081)


def test_reading_digits_needs_no_torch():
    code = "import sys, mnistlib.dataset as d; d.sample(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
