"""The IDX format of the original MNIST files, gzipped or not.

Format: http://yann.lecun.com/exdb/mnist/ (bottom of the page): two zero bytes, the type code
8 (uint8), the number of dimensions, each dimension as big-endian int32, then the values.
"""

import gzip
import zlib
from hashlib import sha256
from io import BytesIO
from math import prod
from pathlib import Path
from struct import pack, unpack

import numpy as np

from mnistlib.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 2**29  # about eleven times MNIST's training images
MAX_RATIO = 1100  # deflate cannot pack tighter than 1032 : 1


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
    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def parse(data: bytes, name: str) -> np.ndarray:
    """Turn the bytes of an IDX file, gzipped or not, into an array; `name` is for messages.

    Nothing is allocated before the header's shape is held against the number of bytes at hand.

    Raises:
        DataError: see `read`.
    """
    try:
        with _plain(data) as stream:
            shape = _shape(stream, name)
            limit = len(data) * (MAX_RATIO if data[:2] == GZIP_MAGIC else 1)
            return _values(stream, shape, min(limit, MAX_BYTES), name)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{name}: damaged or cut-off gzip file ({error}); fetch it again"
        ) from error


def _plain(data: bytes) -> BytesIO | gzip.GzipFile:
    stream = BytesIO(data)
    return gzip.GzipFile(fileobj=stream) if data[:2] == GZIP_MAGIC else stream


def _shape(stream: BytesIO | gzip.GzipFile, name: str) -> tuple[int, ...]:
    start = stream.read(4)
    if start not in (b"\x00\x00\x08\x01", b"\x00\x00\x08\x03"):
        expected = "00000801 (labels) or 00000803 (images)"
        raise DataError(f"{name}: not an IDX file: starts with {start.hex()}, expected {expected}")
    sizes = stream.read(4 * start[3])
    if len(sizes) != 4 * start[3]:
        raise DataError(f"{name}: cut off within its header")
    return unpack(f">{start[3]}I", sizes)


def _values(
    stream: BytesIO | gzip.GzipFile, shape: tuple[int, ...], limit: int, name: str
) -> np.ndarray:
    expected = prod(shape)
    promise = f"{name}: the header says {'×'.join(map(str, shape))} = {expected:,} bytes"
    if expected > limit:
        raise DataError(f"{promise}, more than the file can hold; it is cut off or damaged")
    values = np.empty(expected, np.uint8)
    found = _fill(stream, memoryview(values))
    if found != expected or stream.read(1):
        count = f"{found:,}" if found < expected else "more"
        raise DataError(f"{promise}, the file holds {count}; it is cut off or damaged")
    return values.reshape(shape)


def _fill(stream: BytesIO | gzip.GzipFile, target: memoryview) -> int:
    """Read until `target` is full or the stream ends; how many bytes were read."""
    done = 0
    while done < len(target) and (more := stream.readinto(target[done:])):
        done += more
    return done
