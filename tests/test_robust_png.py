"""Odd pictures: converted where the meaning is clear, refused by name where it is not."""

import io
import struct
import zlib

import broken
import numpy as np
import pytest
from PIL import Image

from mnistlib.base import DataError
from mnistlib.dataset import pictures, png, png_kinds
from mnistlib.dataset.png_kinds import chunk

pytestmark = pytest.mark.usefixtures("own_cache")
GREY = broken.IMAGES[0]
BLACK_WHITE = np.where(GREY > 127, 255, 0).astype(np.uint8)


def raw(depth, colour, rows, extra=b"", side=28):
    ihdr = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    body = chunk(b"IHDR", ihdr) + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return png.SIGNATURE + body


def sixteen(image):
    return raw(16, 0, image.astype(">u2").view(np.uint8).reshape(28, 56))


def jpeg():
    target = io.BytesIO()
    Image.fromarray(GREY).save(target, "JPEG")
    return target.getvalue()


CLEAR = {
    "RGB": (broken.picture("RGB"), GREY),
    "RGBA": (broken.picture("RGBA"), GREY),
    "grey with alpha": (broken.picture("LA"), GREY),
    "palette": (broken.picture("P"), GREY),
    "1 bit": (broken.picture("1", BLACK_WHITE), BLACK_WHITE),
    "16 bits": (sixteen(GREY.astype(np.uint16) * 257), GREY),
    "texts": (
        broken.PICTURE[:33] + chunk(b"tEXt", b"a\0b") + broken.PICTURE[33:],
        GREY,
    ),
}
RED = np.dstack([GREY, GREY, GREY // 2])
NO_END = raw(8, 0, GREY)[:-12]
SECOND = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
UNCLEAR = {
    "coloured": (broken.picture("RGB", RED), "mode is RGB and it has coloured pixels"),
    "coloured palette": (broken.picture("P", RED), "mode is P and it has coloured"),
    "transparent": (broken.picture("RGBA", np.dstack([RED, GREY])), "transparent pixels"),
    "transparent grey": (
        raw(8, 0, GREY, chunk(b"tRNS", bytes([0, GREY[3, 3]]))),
        "transpar",
    ),
    "16 bits rounded": (
        sixteen(GREY.astype(np.uint16) * 257 + 3),
        "16-bit greys that 8 bits cannot",
    ),
    "16 bits unscaled": (sixteen(GREY.astype(np.uint16)), "16-bit greys that 8 bits cannot hold"),
    "16-bit RGB": (raw(16, 2, np.zeros((28, 168), np.uint8)), "16 bits a channel with colour"),
    "beyond the palette": (raw(8, 3, GREY, chunk(b"PLTE", bytes(6))), "no colour in the palette"),
    "32×32": (raw(8, 0, np.zeros((32, 32), np.uint8), side=32), "is 32×32 pixels, expected 28×28"),
    "bomb": (png.SIGNATURE + SECOND + bytes(99), "is 60000×60000 pixels, expected 28×28"),
    "second header": (NO_END[:33] + SECOND + NO_END[33:] + chunk(b"IEND", b""), "not one header"),
    "truncated": (broken.PICTURE[:400], "cut off.*expected a PNG of 28×28"),
    "without its end": (NO_END, "cut off.*expected a PNG"),
    "rows missing": (raw(8, 0, GREY[:20]), "pixels take 812 bytes, it holds 580"),
    "rows missing in RGB": (raw(8, 2, RED.reshape(28, 84)[:9]), "take 2,380 bytes, it holds 765"),
    "packed bomb": (raw(8, 2, np.zeros((9000, 84), np.uint8)), "take 2,380 bytes, it holds more"),
    "a bit flipped": (broken.PICTURE[:60] + b"~" + broken.PICTURE[61:], "wrong checksum of chunk"),
    "zero bytes": (b"", "not a PNG file .is empty., expected a PNG"),
    "JPEG": (jpeg(), "not a PNG file .a JPEG., expected a PNG"),
    "text": (b"hello", "not a PNG file .starts with 68656c6c6f., expected"),
}


@pytest.mark.parametrize(("content", "image"), CLEAR.values(), ids=CLEAR)
def test_a_picture_of_clear_meaning_is_converted_exactly(content, image):
    assert np.array_equal(png.decode([content], ["x"])[0], image)


@pytest.mark.parametrize(("content", "message"), UNCLEAR.values(), ids=UNCLEAR)
def test_any_other_picture_is_refused_by_name(tmp_path, content, message):
    files = broken.pictures() | {"00009_2.png": content}
    with pytest.raises(DataError, match=message) as folder_error:
        pictures.read_folder(broken.write_pictures(tmp_path / "some", files))
    (tmp_path / "a.tar").write_bytes(broken.tar(files))
    with pytest.raises(DataError, match=message) as tar_error:
        pictures.read_archive(tmp_path / "a.tar")
    assert str(folder_error.value).startswith(str(tmp_path / "some" / "00009_2.png"))
    assert str(tar_error.value).startswith(f"{tmp_path / 'a.tar'}: 00009_2.png: ")


def test_a_filter_that_png_does_not_know_is_damage():
    rows = np.zeros((28, 28), np.uint8)
    whole = raw(8, 0, rows)
    wrong = zlib.compress(b"".join(b"\x07" + bytes(row) for row in rows))
    start, end = whole.index(b"IDAT") - 4, whole.index(b"IEND") - 4
    with pytest.raises(DataError, match="x: damaged PNG"):
        png.decode([whole[:start] + chunk(b"IDAT", wrong) + whole[end:]], ["x"])


def test_kinds_are_decoded_with_no_chunk_but_what_is_shown():
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**24)))
    animated = chunk(b"acTL", struct.pack(">II", 0, 0))
    file = raw(8, 0, GREY, bomb + animated)
    assert np.array_equal(png_kinds.decode(file, "x"), GREY)
