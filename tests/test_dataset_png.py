"""PNG files: the fast way and Pillow's agree; what is not a 28×28 grey picture is refused."""

import zlib
from io import BytesIO
from struct import pack

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnistlib.base import DataError
from mnistlib.dataset import png


def file_of(image, **options) -> bytes:
    target = BytesIO()
    image.save(target, "PNG", **options)
    return target.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body))


def raw_png(rows: bytes) -> bytes:
    ihdr = chunk(b"IHDR", pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
    return png.SIGNATURE + ihdr + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_what_is_encoded_is_decoded(toy_images):
    files = [png.encode(image) for image in toy_images]
    assert np.array_equal(png.decode(files, ["x"] * 5), toy_images)
    for file, image in zip(files, toy_images, strict=True):
        assert np.array_equal(Image.open(BytesIO(file)), image)


def test_pillows_files_are_decoded(tiny):
    images = tiny.train.images
    files = [file_of(Image.fromarray(image)) for image in images]
    assert np.array_equal(png.decode(files, ["x"] * len(files)), images)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=28, max_size=28), st.integers(0, 2**32 - 1))
def test_every_filter_is_undone_as_pillow_does(filters, seed):
    rows = np.random.default_rng(seed).integers(0, 256, (28, 29), np.uint8)
    rows[:, 0] = filters
    file = raw_png(rows.tobytes())
    assert np.array_equal(png.decode([file], ["x"])[0], Image.open(BytesIO(file)))


ADAM7 = [
    np.s_[0::8, 0::8], np.s_[0::8, 4::8], np.s_[4::8, 0::4], np.s_[0::4, 2::4],
    np.s_[2::4, 0::2], np.s_[0::2, 1::2], np.s_[1::2, 0::1],
]  # fmt: skip


def test_interlaced_files_are_left_to_pillow_and_keep_their_place(toy_images):
    ihdr = chunk(b"IHDR", pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 1))
    passes = b"".join(bytes([0]) + row.tobytes() for part in ADAM7 for row in toy_images[0][part])
    odd = png.SIGNATURE + ihdr + chunk(b"IDAT", zlib.compress(passes)) + chunk(b"IEND", b"")
    files = [png.encode(toy_images[1]), odd, png.encode(toy_images[2])]
    assert np.array_equal(png.decode(files, ["x"] * 3), toy_images[[1, 0, 2]])


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "not a PNG"),
        (b"GIF89a" + bytes(40), "not a PNG"),
        (file_of(Image.new("L", (32, 28))), "32×28 pixels, expected 28×28"),
        (raw_png(bytes(27 * 29)), "damaged"),
        (raw_png(bytes([9]) * 28 * 29), "damaged"),
        (png.encode(np.zeros((28, 28), np.uint8))[:50], "damaged"),
    ],
)
def test_other_files_are_refused_by_name(file, message):
    with pytest.raises(DataError, match=message) as error:
        png.decode([file], ["00001_5.png"])
    assert str(error.value).startswith("00001_5.png: ")


def test_a_bit_flipped_in_the_pixels_is_an_error(toy_images):
    file = bytearray(png.encode(toy_images[0]))
    file[100] ^= 1
    with pytest.raises(DataError, match="x: "):
        png.decode([bytes(file)], ["x"])


def test_a_huge_picture_is_refused_unopened():
    ihdr = chunk(b"IHDR", pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    with pytest.raises(DataError, match="60000×60000"):
        png.decode([png.SIGNATURE + ihdr], ["x"])
