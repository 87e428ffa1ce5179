"""Files read whole and unpacked, within limits; and IDX, the format of the original MNIST.

IDX: two zero bytes, 8 for uint8, the number of dimensions, each of them as big-endian int32, then
the values. Source: http://yann.lecun.com/exdb/mnist/ (bottom of the page).
"""

import bz2
import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from math import prod
from pathlib import Path

import numpy as np
from PIL.Image import DecompressionBombError

from mnistlib.base import DataError, shown

MAX_COUNT = 300_000  # images; MNIST has 60,000
MAX_BYTES = 16 + MAX_COUNT * 28 * 28  # of any file, unpacked
MAX_PACKED = 2**26  # bytes; MNIST's training pictures take 20 million
UNPACKERS = {  # by how a packed file starts
    b"\x1f\x8b": partial(zlib.decompressobj, 31),  # 31: with gzip's header and checksum
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": partial(lzma.LZMADecompressor, memlimit=2**27),  # xz -9 needs 2**26
}
DIMENSIONS = {b"\0\0\x08\x01": 1, b"\0\0\x08\x03": 3}  # by how the file starts: labels, images
# What the system, the unpackers, tarfile, Pillow and the checks here raise on bad input. Not
# TypeError, AttributeError, KeyError and the like: those are mistakes of our own.
BAD_INPUT = (
    OSError, EOFError, ValueError, RecursionError, OverflowError, SyntaxError, struct.error,
    zlib.error, lzma.LZMAError, tarfile.TarError, DecompressionBombError,
)  # fmt: skip


@contextmanager
def expecting(what: str, name: object, way_out: str = "fetch it again") -> Iterator[None]:
    """Make bad input a DataError: the file's name, what was found, what was expected, a way out."""
    try:
        yield
    except DataError:
        raise
    except BAD_INPUT as error:
        found = getattr(error, "strerror", None) or f"{error or type(error).__name__}"
        raise DataError(f"{shown(name)}: {found}, expected {what}; {way_out}") from error


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a file, at most `limit` bytes, unpacked if need be; raises BAD_INPUT."""
    if path.is_symlink() and not path.exists():
        raise ValueError("is a broken link")
    if path.exists() and not path.is_file():  # reading a pipe could wait for ever
        raise ValueError("is not a regular file")
    if path.stat().st_size > limit:
        raise ValueError(f"has {path.stat().st_size:,} bytes, more than {limit:,}")
    return unpack(path.read_bytes(), limit)


def unpack(data: bytes, limit: int = MAX_BYTES) -> bytes:
    """The content of gzip, bzip2 or xz, whatever a file's name says, else the bytes as given."""
    unpacker = next((make for magic, make in UNPACKERS.items() if data.startswith(magic)), None)
    if unpacker is None:
        return data
    if len(data) > MAX_PACKED:
        raise ValueError(f"has {len(data):,} packed bytes, more than {MAX_PACKED:,}: unpack it")
    stream = unpacker()
    content = stream.decompress(data, limit + 1)
    if len(content) > limit:
        raise ValueError(f"holds more than {limit:,} bytes")
    if not stream.eof:
        raise EOFError("a packed file that is cut off")
    if stream.unused_data.strip(b"\0"):  # zeros may fill a file up
        raise ValueError("something follows the packed content: unpack it")
    return content


def dump(array: np.ndarray) -> bytes:
    """The canonical IDX bytes of an array of small whole numbers."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def digest(array: np.ndarray) -> str:
    """sha256 of the array's canonical IDX bytes, as 64 hex digits."""
    return sha256(dump(array)).hexdigest()


def read(path: Path) -> np.ndarray:
    """Read an IDX file, packed or not: a writable uint8 array in the shape that it states.

    Raises:
        DataError: the file cannot be read, or is not exactly one IDX array of uint8.
    """
    with expecting("an IDX file, starting with 00000801 (labels) or 00000803 (images)", path):
        content = read_bytes(path)
        if content[:4] not in DIMENSIONS:
            raise ValueError(f"starts with {content[:4].hex()}" if content else "is empty")
        shape = struct.unpack_from(f">{DIMENSIONS[content[:4]]}I", content, 4)
        values = memoryview(content)[4 + 4 * len(shape) :]
        if prod(shape) != len(values) or max(shape) > MAX_COUNT:  # nothing is allocated on its word
            promise = f"the header says {'×'.join(map(str, shape))} = {prod(shape):,} bytes"
            raise ValueError(f"{promise}, the file holds {len(values):,} after it: it is damaged")
        return np.frombuffer(values, np.uint8).reshape(shape).copy()  # one that can be written to
