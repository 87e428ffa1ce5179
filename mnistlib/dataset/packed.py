"""gzip, bzip2 and xz unpacked in memory, within bounds on size, memory and time."""

import bz2
import lzma
import zlib
from functools import partial

from mnistlib.base import DataError

STREAMS = {  # how a file starts -> what decompresses it
    b"\x1f\x8b": partial(zlib.decompressobj, 31),  # 31: with gzip's header and checksum
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": partial(lzma.LZMADecompressor, memlimit=2**27),  # xz -9 needs 2**26
}
MAX_PACKED = 2**26  # bytes; MNIST's training pictures take 20 million
MAX_STREAMS = 100  # parallel packers write one for each 900,000 bytes


def is_packed(data: bytes) -> bool:
    """Whether this is a gzip, bzip2 or xz file, by its first bytes."""
    return data.startswith(tuple(STREAMS))


def unpack(data: bytes, name: str, limit: int) -> bytes:
    """The content of a gzip, bzip2 or xz file; `name` is for messages.

    Raises:
        DataError: the file is damaged or cut off, or holds more than `limit` bytes.
    """
    if len(data) > MAX_PACKED:
        raise DataError(f"{name}: {len(data):,} bytes, expected {MAX_PACKED:,} at most; unpack it")
    start = next(magic for magic in STREAMS if data.startswith(magic))
    pieces, room = [], limit + 1
    for _ in range(MAX_STREAMS):
        piece, data = _stream(start, data, room, name)
        pieces.append(piece)
        room -= len(piece)
        if room == 0:
            raise DataError(f"{name}: holds more than the {limit:,} bytes that are expected")
        if not data.strip(b"\0"):  # zeros may fill a file up
            return b"".join(pieces)
    raise DataError(f"{name}: expected at most {MAX_STREAMS} packed streams in a file; unpack it")


def _stream(start: bytes, data: bytes, room: int, name: str) -> tuple[bytes, bytes]:
    """Up to `room` bytes of the first stream's content, and what follows the stream."""
    stream = STREAMS[start]()
    try:
        piece = stream.decompress(data, room)
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
        found = f"not a packed file, or a damaged one ({error})"
        raise DataError(f"{name}: {found}, expected gzip, bzip2 or xz; fetch it again") from error
    if not stream.eof and len(piece) < room:
        raise DataError(f"{name}: cut off, expected a whole gzip, bzip2 or xz file; fetch it again")
    return piece, stream.unused_data
