"""The IDX format of the original MNIST files, gzipped or not.

Format: http://yann.lecun.com/exdb/mnist/ (bottom of the page): two zero bytes, the type code
8 (uint8), the number of dimensions, each dimension as big-endian int32, then the values.
"""

from hashlib import sha256
from math import prod
from pathlib import Path
from struct import pack, unpack

import numpy as np

from mnistlib.base import DataError, shown
from mnistlib.dataset import files, packed

MAX_COUNT = 300_000  # images; MNIST has 60,000
MAX_BYTES = 16 + MAX_COUNT * 28 * 28


def header(shape: tuple[int, ...]) -> bytes:
    """The IDX header of a uint8 array of this shape."""
    return bytes([0, 0, 8, len(shape)]) + pack(f">{len(shape)}I", *shape)


def dump(array: np.ndarray) -> bytes:
    """The canonical IDX bytes of an array of small whole numbers, any shape."""
    return header(array.shape) + array.astype(np.uint8).tobytes()


def digest(array: np.ndarray) -> str:
    """sha256 of the array's canonical IDX bytes, as 64 hex digits."""
    found = sha256(header(array.shape))
    found.update(np.ascontiguousarray(array, np.uint8))
    return found.hexdigest()


def read(path: Path) -> np.ndarray:
    """Read an IDX file, gzipped or not.

    Returns:
        a writable uint8 array in the shape that the header states.

    Raises:
        DataError: the file cannot be read, or is not exactly one IDX array of uint8.
    """
    return parse(files.read(path, MAX_BYTES, "an IDX file"), shown(path))


def parse(data: bytes, name: str) -> np.ndarray:
    """Turn the bytes of an IDX file, gzipped or not, into an array; `name` is for messages.

    What the header promises is held against the bytes at hand; nothing is allocated on its word.

    Raises:
        DataError: see `read`.
    """
    content = packed.unpack(data, name, MAX_BYTES) if packed.is_packed(data) else data
    shape = _shape(content, name)
    values = memoryview(content)[4 + 4 * len(shape) :]
    if prod(shape) != len(values) or max(shape) > MAX_BYTES:
        promise = f"the header says {'×'.join(map(str, shape))} = {prod(shape):,} bytes"
        found = f"the file holds {len(values):,} after it"
        raise DataError(f"{name}: {promise}, {found}; it is cut off or damaged: fetch it again")
    if shape[0] > MAX_COUNT:
        raise DataError(f"{name}: {shape[0]:,} items, expected at most {MAX_COUNT:,}")
    return np.frombuffer(values, np.uint8).reshape(shape).copy()  # a copy can be written to


def _shape(content: bytes, name: str) -> tuple[int, ...]:
    start = content[:4]
    if start not in (b"\x00\x00\x08\x01", b"\x00\x00\x08\x03"):
        found = f"starts with {start.hex()}" if content else "is empty"
        expected = "00000801 (labels) or 00000803 (images), or gzip"
        raise DataError(f"{name}: not an IDX file: {found}, expected {expected}; fetch it again")
    sizes = content[4 : 4 + 4 * start[3]]
    if len(sizes) != 4 * start[3]:
        found = f"{len(content)} bytes"
        raise DataError(
            f"{name}: cut off within its header: {found}, expected more; fetch it again"
        )
    return unpack(f">{start[3]}I", sizes)
