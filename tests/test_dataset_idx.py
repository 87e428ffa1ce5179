"""IDX files: read exactly, refused when damaged, bounded before anything is allocated."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnistlib.base import DataError
from mnistlib.dataset import idx

IMAGES = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)


def test_the_header_is_big_endian():
    assert idx.dump(np.array([7, 9])) == b"\x00\x00\x08\x01\x00\x00\x00\x02\x07\x09"


@given(arrays(np.uint8, st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 4))))
def test_what_is_written_is_read_back(array):
    for data in (idx.dump(array), gzip.compress(idx.dump(array))):
        assert np.array_equal(idx.parse(data, "x"), array)


def test_the_digest_is_that_of_the_file():
    from hashlib import sha256

    assert idx.digest(IMAGES) == sha256(idx.dump(IMAGES)).hexdigest()
    assert idx.digest(IMAGES.astype(np.int64)) == idx.digest(IMAGES)


def test_what_is_read_can_be_written_to(tmp_path):
    (tmp_path / "a").write_bytes(idx.dump(IMAGES))
    assert idx.read(tmp_path / "a").flags.writeable


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "cut off"),
        (lambda data: data + b"x", "1,568 bytes, the file holds 1,569"),
        (lambda data: data[:9], "cut off within its header"),
        (lambda data: b"<html>" + data, "not an IDX file"),
        (lambda data: b"\0\0\x0d\x03" + data[4:], "not an IDX file"),
        (lambda data: data[:4] + b"\xff" * 4 + data[8:], "the file holds 1,568"),
    ],
)
def test_a_damaged_file_is_named(compress, change, message):
    with pytest.raises(DataError, match=message) as error:
        idx.parse(compress(change(idx.dump(IMAGES))), "train-images")
    assert "train-images" in str(error.value)


@pytest.mark.parametrize("at", [5, 40, -6, -12])
def test_a_damaged_gzip_file_is_an_error(at):
    data = bytearray(gzip.compress(idx.dump(IMAGES), mtime=0))
    with pytest.raises(DataError, match="x: "):
        idx.parse(bytes(data[:at]), "x")


def test_a_bit_flipped_in_a_gzip_file_is_an_error():
    data = bytearray(gzip.compress(idx.dump(IMAGES), mtime=0))
    data[-6] ^= 1  # its checksum
    with pytest.raises(DataError, match="damaged"):
        idx.parse(bytes(data), "x")


def test_a_header_that_asks_for_the_moon_is_refused_unallocated():
    bomb = gzip.compress(b"\0\0\x08\x03" + b"\x7f\xff\xff\xff" * 3 + bytes(2**20))
    with pytest.raises(DataError, match="the file holds 1,048,576"):
        idx.parse(bomb, "x")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        idx.read(tmp_path / "nowhere")
