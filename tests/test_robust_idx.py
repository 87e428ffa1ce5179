"""Damaged IDX folders: the error names the file, what was found, what was expected, a way out."""

import bz2
import gzip
import lzma
import struct

import broken
import numpy as np
import pytest

from mnistlib.base import DataError
from mnistlib.dataset import idx, load, packed

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def header(*shape):
    return idx.header(shape)


TERABYTES = b"\0\0\x08\x03" + struct.pack(">3I", 2**31 - 1, 28, 28)
CASES = {
    "truncated": (IMAGES, idx.dump(broken.IMAGES)[:-7], "4,704 bytes, the file holds 4,697"),
    "longer": (IMAGES, idx.dump(broken.IMAGES) + b"xx", "4,704 bytes, the file holds 4,706"),
    "empty": (IMAGES, b"", "is empty, expected 00000801"),
    "wrong magic": (IMAGES, b"\0\0\x0d\x03" + bytes(90), "starts with 00000d03, expected 00000801"),
    "a web page": (LABELS, b"<!DOCTYPE html>", "starts with 3c21444f, expected"),
    "cut gz": (IMAGES, gzip.compress(idx.dump(broken.IMAGES))[:-99], "cut off, expected a whole"),
    "gz cut in its header": (IMAGES, b"\x1f\x8b", "cut off, expected a whole gzip"),
    "not gz": (IMAGES, b"\x1f\x8bnot gzip at all", "not a packed file.*expected gzip"),
    "gz and more": (
        IMAGES,
        gzip.compress(b"\0\0\x08\x01") + b"more",
        "damaged.*expected gzip",
    ),
    "fewer labels": (
        LABELS,
        idx.dump(broken.LABELS[:-1]),
        "5 labels for the 6 images of .*expected",
    ),
    "label 10": (
        LABELS,
        idx.dump(np.array([3, 10] * 3)),
        "label 10 at position 1, expected .* 0 to 9",
    ),
    "32×32": (IMAGES, idx.dump(np.zeros((6, 32, 32))), "holds 6×32×32, expected images, n×28×28"),
    "no images": (IMAGES, idx.dump(np.zeros((0, 28, 28))), "holds 0×28×28, expected images"),
    "labels for images": (IMAGES, idx.dump(broken.LABELS), "holds 6, expected images"),
    "images for labels": (
        LABELS,
        idx.dump(broken.IMAGES % 10),
        "holds 6×28×28, expected one label",
    ),
    "terabytes": (IMAGES, TERABYTES + bytes(99), "bytes, the file holds 99 after it"),
    "terabytes in gz": (IMAGES, gzip.compress(TERABYTES), "bytes, the file holds 0 after it"),
    "nothing of a huge shape": (IMAGES, header(0, 2**32 - 1, 2**32 - 1), "= 0 bytes"),
}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(("file", "content", "message"), CASES.values(), ids=CASES)
def test_it_is_told_by_file_and_finding(tmp_path, file, content, message, suffix):
    folder = broken.write_idx(tmp_path / "some")
    (folder / file).unlink()
    (folder / f"{file}{suffix}").write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        load(folder)
    assert str(folder / file) in str(error.value)
    assert "fetch" in str(error.value)


def test_a_file_that_is_plain_although_named_gz_is_read(tmp_path):
    folder = broken.write_idx(tmp_path / "some")
    (folder / IMAGES).rename(folder / f"{IMAGES}.gz")
    assert np.array_equal(load(folder).train.images, broken.IMAGES)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_refused_before_it_goes_off(compress, monkeypatch):
    monkeypatch.setattr(idx, "MAX_BYTES", 2**20)
    bomb = compress(idx.dump(np.zeros((2**15, 28, 28))))
    with pytest.raises(DataError, match="x: holds more than the 1,048,576 bytes that are expected"):
        idx.parse(bomb, "x")


def test_files_of_many_streams_are_read_and_of_endlessly_many_refused():
    empty = gzip.compress(b"")
    assert packed.unpack(empty * 9 + gzip.compress(b"abc") + bytes(9), "x", 99) == b"abc"
    with pytest.raises(DataError, match="x: expected at most 100 packed streams"):
        packed.unpack(empty * 101, "x", 99)


def test_memory_that_an_xz_file_asks_for_is_bounded():
    window = {"id": lzma.FILTER_LZMA2, "dict_size": 2**28, "mf": lzma.MF_HC3, "nice_len": 3}
    greedy = lzma.compress(b"abc", filters=[window])
    with pytest.raises(DataError, match=r"x: not a packed file, or a damaged one.*[Mm]emory"):
        packed.unpack(greedy, "x", 99)


def test_a_packed_file_is_bounded(monkeypatch):
    monkeypatch.setattr(packed, "MAX_PACKED", 9)
    with pytest.raises(DataError, match=r"x: 23 bytes, expected 9 at most; unpack it"):
        packed.unpack(gzip.compress(b"abc"), "x", 99)


def test_a_file_of_terabytes_is_refused_unread(tmp_path):
    folder = broken.write_idx(tmp_path / "some")
    with (folder / IMAGES).open("r+b") as file:
        file.truncate(2**40)  # sparse: it takes no room
    with pytest.raises(DataError, match=f"{IMAGES}: 1,099,511,627,776 bytes, expected an IDX file"):
        load(folder)


def test_too_many_labels_are_refused(monkeypatch):
    monkeypatch.setattr(idx, "MAX_COUNT", 5)
    with pytest.raises(DataError, match="x: 6 items, expected at most 5"):
        idx.parse(idx.dump(broken.LABELS), "x")
