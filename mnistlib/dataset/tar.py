"""List a tar archive's regular files without extracting any."""

import tarfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnistlib.errors import DataError

BLOCK = 512
FOLDER = b"5"
KNOWN = (b"0", b"\0", FOLDER)  # b"0" and b"\0" are regular files


class Member(NamedTuple):
    """Where the bytes of a regular file lie in its archive: data[start : start + size]."""

    name: str
    start: int
    size: int


def members(data: bytes, path: Path, max_count: int) -> list[Member]:
    """List the regular files in the bytes of an uncompressed tar, in the archive's order.

    Links, devices and sparse files are left out.

    Raises:
        DataError: this is not a tar, it is cut off, or has more than `max_count` members.
    """
    if data[:2] == b"\x1f\x8b":
        raise DataError(f"{path}: is compressed, expected a plain tar: gunzip it first")
    found, end = _walk(data) or _with_tarfile(data, path)
    if len(found) > max_count:
        raise DataError(f"{path}: more than {max_count:,} files")
    if data[end : end + BLOCK] != bytes(BLOCK):
        raise DataError(f"{path}: no end mark after its last file: it is cut off or damaged")
    return found


Listing = tuple[list[Member], int]


def _walk(data: bytes) -> Listing | None:
    """Several times as fast as tarfile; None where a header is of a kind only tarfile knows."""
    found, starts, position = [], [], 0
    while position + BLOCK <= len(data) and data[position]:
        kind, size = data[position + 156 : position + 157], _octal(data, position + 124, 12)
        if kind not in KNOWN or size is None:
            return None
        starts.append(position)
        position += BLOCK
        if kind != FOLDER:
            name = data[position - BLOCK : position - BLOCK + 100].partition(b"\0")[0]
            found.append(Member(name.decode(errors="replace"), position, size))
            position += _padded(size)
    return (found, position) if starts and _headers_agree(data, starts) else None


def _octal(data: bytes, start: int, width: int) -> int | None:
    digits = data[start : start + width].strip(b"\0 ")
    try:
        return int(digits, 8) if digits.isdigit() else None
    except ValueError:
        return None


def _headers_agree(data: bytes, starts: list[int]) -> bool:
    """Whether each header's checksum is right: the sum of its bytes, the sum's own as blanks."""
    blocks = b"".join([data[start : start + BLOCK] for start in starts])
    headers = np.frombuffer(blocks, np.uint8).reshape(-1, BLOCK)  # [n, 512]
    sums = headers.sum(1, dtype=np.uint32) - headers[:, 148:156].sum(1, dtype=np.uint32) + 8 * 32
    return sums.tolist() == [_octal(data, start + 148, 8) for start in starts]


def _with_tarfile(data: bytes, path: Path) -> Listing:
    """Any tar: long names, extended headers, other kinds of member."""
    try:
        with tarfile.open(fileobj=BytesIO(data), mode="r:") as archive:
            everything = archive.getmembers()
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise DataError(f"{path}: not a tar archive, or a damaged one ({error})") from error
    plain = [
        m for m in everything if m.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not m.sparse
    ]
    last = everything[-1] if everything else None
    end = last.offset_data + _padded(last.size if last.isreg() else 0) if last else 0
    return [Member(m.name, m.offset_data, m.size) for m in plain], end


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
