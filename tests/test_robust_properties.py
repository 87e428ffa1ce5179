"""Whatever the bytes: digits that satisfy their invariants, or DataError, never anything else."""

import gzip
import tarfile
import tempfile
import zlib
from pathlib import Path

import broken
import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mnistlib.base import DataError
from mnistlib.dataset import Digits, folder, idx, packed, pictures, png, tar

SAME = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
IDX = idx.dump(broken.IMAGES)
TAR = broken.tar(broken.pictures())
EDITS = st.lists(st.tuples(st.integers(0, 2**16), st.binary(max_size=9)), max_size=4)
CUTS = st.one_of(st.none(), st.integers(0, 2**16))


def damaged(data: bytes, edits, cut) -> bytes:
    """Bytes overwritten here and there, and perhaps cut off."""
    found = bytearray(data)
    for at, new in edits:
        at %= len(found)
        found[at : at + len(new)] = new
    return bytes(found[: cut % len(found)] if cut is not None else found)


def answer(read, *given):
    """What a reader says: its answer, None where it refuses; any other exception fails the test."""
    try:
        return read(*given)
    except DataError:
        return None


def assert_array(found):
    if found is not None:
        assert found.dtype == np.uint8
        assert found.ndim in (1, 3)


def read_tar(content: bytes) -> Digits:
    return Digits(*pictures._decode_archive(content, Path("x")), "x")  # without the cache


@SAME
@given(st.binary(max_size=60))
@example(b"\0\0\x08\x03" + bytes(4) + b"\xff" * 8)
def test_any_bytes_as_idx(data):
    for content in (data, b"\0\0\x08\x03" + data, b"\0\0\x08\x01" + data, b"\x1f\x8b\x08" + data):
        assert_array(answer(idx.parse, content, "x"))


@SAME
@given(EDITS, CUTS)
def test_damaged_idx(edits, cut):
    for whole in (IDX, gzip.compress(IDX, 1)):
        assert_array(answer(idx.parse, damaged(whole, edits, cut), "x"))


@SAME
@given(st.sampled_from(sorted(packed.STREAMS)), st.binary(max_size=60))
def test_any_packed_bytes(start, data):
    found = answer(packed.unpack, start + data, "x", 1000)
    assert found is None or len(found) <= 1000


@SAME
@given(st.sampled_from(["L", "1", "P", "RGB", "RGBA", "LA", "I;16"]), EDITS, CUTS)
def test_damaged_pictures(mode, edits, cut):
    content = damaged(broken.PICTURE if mode == "I;16" else broken.picture(mode), edits, cut)
    found = answer(png.decode, [content], ["x"])
    assert found is None or (found.shape, found.dtype) == ((1, 28, 28), np.uint8)


@SAME
@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=3000))
def test_pictures_of_any_header_that_are_whole(depth, colour, interlaced, rows):
    header = png.SIZE + bytes([depth % 17, colour % 7, 0, 0, interlaced % 2])
    chunks = ((b"IHDR", header), (b"PLTE", rows[:30]), (b"IDAT", zlib.compress(rows, 1)))
    file = png.SIGNATURE + b"".join(png.chunk(*each) for each in (*chunks, (b"IEND", b"")))
    found = answer(png.decode, [file], ["x"])
    assert found is None or found.shape == (1, 28, 28)


@SAME
@given(EDITS, CUTS)
def test_damaged_archives(edits, cut):
    found = answer(read_tar, damaged(TAR, edits, cut))
    assert found is None or 0 < len(found) <= 6


@SAME
@given(st.text(max_size=120), st.sampled_from([b"0", b"x", b"g", b"L", b"S", b"2", b"V"]), EDITS)
def test_members_of_any_name_and_kind(name, kind, edits):
    member = tarfile.TarInfo(name.replace("\0", ""))
    member.type, member.size = kind, 99
    head = member.tobuf(tarfile.GNU_FORMAT, errors="replace")
    body = damaged(bytes(99), edits, None).ljust(512, b"\0")
    for found in answer(tar.members, head + body + TAR, Path("x"), 99) or []:
        assert 0 <= found.start <= found.start + found.size <= len(head + body + TAR)


@SAME
@given(st.binary(max_size=200))
def test_pax_headers_of_any_content(body):
    records = tar._pax_records(body)
    assert set(records) <= {"path", "size", "sparse"}


@settings(SAME, max_examples=40)
@given(st.dictionaries(st.text(min_size=1, max_size=12), st.sampled_from([broken.PICTURE, b""])))
def test_folders_with_files_of_any_name(files):
    with tempfile.TemporaryDirectory(prefix="x") as name:
        for file, content in files.items():
            with_ending = f"{file}.png".replace("/", "_").replace("\0", "_")
            if with_ending.encode(errors="replace").decode() == with_ending:
                (Path(name) / with_ending).write_bytes(content)
        try:
            found = pictures.read_folder(Path(name))
        except DataError as error:
            found, said = [], str(error)
        assert len(found) <= len(files)
        assert found or (name in said and said.isprintable())


@settings(SAME, max_examples=40)
@given(st.lists(st.integers(0, 255), max_size=6), st.integers(0, 6), st.integers(26, 30))
def test_idx_pairs_of_any_sizes_and_labels(labels, n, side):
    images = np.zeros((n, side, side), np.uint8)
    with tempfile.TemporaryDirectory(prefix="x") as name:
        path = broken.write_idx(Path(name), images, np.array(labels, int))
        fits = side == 28 and n == len(labels) > 0 and max(labels) < 10
        try:
            assert len(folder.read_split(path, "train")) == n
            assert fits
        except DataError:
            assert not fits
