"""Decode and encode 28×28 grey PNGs, tens of thousands at a time.

The plain kind (8-bit grey, not interlaced, which is how MNIST is kept) is decoded here for all
files at once, several times as fast as one call of Pillow a file; every other kind, and every
damaged file, goes to png_kinds. Format: https://www.w3.org/TR/png-3/, filters in its section 9.
"""

import zlib
from collections.abc import Callable
from struct import unpack_from

import numpy as np

from mnistlib.dataset import png_kinds
from mnistlib.dataset.png_kinds import SIDE, SIGNATURE, SIZE, chunk

ROW = 1 + SIDE  # each row starts with its filter's number
UNUSUAL = (b"tRNS", b"IHDR")  # transparency, or a second header
BATCH = 10_000  # files decoded at once: their rows take 24 MB
PLAIN = SIGNATURE + b"\x00\x00\x00\x0dIHDR" + SIZE + b"\x08\x00\x00\x00\x00"


def encode(image: np.ndarray) -> bytes:
    """The PNG file of one image, uint8 [28, 28]; equal images make equal bytes."""
    rows = np.zeros((SIDE, ROW), np.uint8)  # filter 0, none: best for pictures with few greys
    rows[:, 1:] = image
    chunks = (chunk(b"IHDR", PLAIN[16:]), chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)))
    return SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")


def decode(files: list[bytes], names: list[str]) -> np.ndarray:
    """Decode PNG files.

    Args:
        files: the files' bytes.
        names: the files' names, for messages.

    Returns:
        uint8 [n, 28, 28].

    Raises:
        DataError: a file is not an undamaged PNG of 28×28 pixels whose greys are exact in 8 bits.
    """
    images = np.empty((len(files), SIDE, SIDE), np.uint8)
    for start in range(0, len(files), BATCH):
        part = slice(start, start + BATCH)
        _decode(files[part], names[part], images[part])
    return images


def _decode(files: list[bytes], names: list[str], images: np.ndarray) -> None:
    rows = [_plain_rows(file) for file in files]
    plain = [row for row in rows if row is not None]
    if plain:
        found = np.frombuffer(b"".join(plain), np.uint8).reshape(-1, SIDE, ROW)
        images[[row is not None for row in rows]] = _unfilter(found)
    for i, row in enumerate(rows):
        if row is None:
            images[i] = png_kinds.decode(files[i], names[i])


def _plain_rows(file: bytes) -> bytes | None:
    """The still filtered rows of a plain PNG, None for another kind or a damaged one."""
    if not file.startswith(PLAIN):
        return None
    parts, start, kind = [], len(SIGNATURE), b""
    while kind != b"IEND" and start + 12 <= len(file):
        size, kind = unpack_from(">I4s", file, start)
        end = start + 8 + size
        if end + 4 > len(file) or unpack_from(">I", file, end)[0] != zlib.crc32(
            file[start + 4 : end]
        ):
            return None
        if kind == b"IDAT":
            parts.append(file[start + 8 : end])
        elif kind in UNUSUAL and start > len(SIGNATURE):
            return None
        start = end + 4
    return _inflate(b"".join(parts)) if kind == b"IEND" else None


def _inflate(data: bytes) -> bytes | None:
    try:
        rows = zlib.decompressobj().decompress(data, SIDE * ROW + 1)
    except zlib.error:
        return None
    return rows if len(rows) == SIDE * ROW and max(rows[::ROW]) <= max(UNDO) else None


def _unfilter(rows: np.ndarray) -> np.ndarray:
    """Undo the filters of n images at once: uint8 [n, 28, 29] -> [n, 28, 28]."""
    rows = np.ascontiguousarray(rows.transpose(1, 2, 0))  # [28, 29, n]
    # a row of zeros above and a column of zeros to the left, as the format has it
    images = np.zeros((ROW, ROW, rows.shape[2]), np.uint8)
    for row, above, line in zip(rows, images[:-1], images[1:], strict=True):
        line[1:] = row[1:]  # which is all for filter 0
        for number, undo in UNDO.items():
            which = np.flatnonzero(row[0] == number)
            line[1:, which] = undo(row[1:, which], above[:, which])
    return images[1:, 1:].transpose(2, 0, 1)


def _sub(row: np.ndarray, above: np.ndarray) -> np.ndarray:
    return np.cumsum(row, 0, dtype=np.uint8)


def _up(row: np.ndarray, above: np.ndarray) -> np.ndarray:
    return row + above[1:]


def _average(row: np.ndarray, above: np.ndarray) -> np.ndarray:
    return _pixel_by_pixel(row, above, lambda left, up, corner: (left + up) // 2)


def _paeth(row: np.ndarray, above: np.ndarray) -> np.ndarray:
    def nearest(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
        by_left, by_up, by_corner = (
            abs(up - corner),
            abs(left - corner),
            abs(left + up - 2 * corner),
        )
        up_or_corner = np.where(by_up <= by_corner, up, corner)
        return np.where((by_left <= by_up) & (by_left <= by_corner), left, up_or_corner)

    return _pixel_by_pixel(row, above, nearest)


UNDO = {1: _sub, 2: _up, 3: _average, 4: _paeth}


def _pixel_by_pixel(row: np.ndarray, above: np.ndarray, predict: Callable) -> np.ndarray:
    above = above.astype(np.int16)  # sums of three greys
    line, left = np.empty_like(row), np.zeros_like(above[0])
    for x, grey in enumerate(row):
        left = (grey + predict(left, above[x + 1], above[x])) & 255
        line[x] = left
    return line
