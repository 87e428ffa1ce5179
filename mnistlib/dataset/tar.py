"""List a tar archive's files without extracting any.

Format: https://www.gnu.org/software/tar/manual/html_node/Standard.html, extended headers as in
POSIX.1-2001 (pax). Read here and not by tarfile: several times as fast, and on damaged archives
tarfile may raise any exception, or loop.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnistlib.base import DataError, shown

BLOCK = 512
FOLDER, SPARSE = b"5", b"S"
REGULAR = (b"0", b"\0", b"7")
NO_CONTENT = (b"1", b"2", b"3", b"4", FOLDER, b"6")  # links, devices, folders, pipes
LONG_NAME, PAX = b"L", (b"x", b"X")
EXTENSIONS = (LONG_NAME, *PAX, b"K", b"g")  # they speak of the member that follows
KEYS = {b"path": "path", b"size": "size", b"GNU.sparse.name": "path"}  # of pax records
MAX_EXTENSION = 2**16  # bytes; a few hundred are usual


class Member(NamedTuple):
    """A file in an archive; a regular one's bytes are data[start : start + size]."""

    name: str
    start: int
    size: int
    is_regular: bool


def members(data: bytes, path: Path, max_count: int) -> list[Member]:
    """List the files in the bytes of an uncompressed tar, in the archive's order.

    Folders are left out; links and devices are there as not regular.

    Raises:
        DataError: this is not a tar, it is cut off or damaged, has more than `max_count` members
            or one of a name outside of the archive.
    """
    if data[:BLOCK] != bytes(BLOCK) and not _headers_agree(data, [0]):
        found = f"starts with {data[:4].hex()}" if data else "is empty"
        expected = "expected a tar, plain or packed with gzip, bzip2 or xz"
        raise DataError(f"{shown(path)}: not a tar archive ({found}), {expected}; fetch it again")
    found, starts, end = _walk(data, path, max_count)
    if data[end : end + BLOCK] != bytes(BLOCK) or not _headers_agree(data, starts):
        cut = "no end mark after its last file, or a header's checksum is wrong"
        raise DataError(f"{shown(path)}: {cut}: it is cut off or damaged; fetch it again")
    return found


def _walk(data: bytes, path: Path, max_count: int) -> tuple[list[Member], list[int], int]:
    """The members, where all headers start, and where the last member ends."""
    found, starts, position, known = [], [], 0, {}
    while position + BLOCK <= len(data) and data[position]:
        header = data[position : position + BLOCK]
        starts.append(position)
        position += BLOCK
        kind = header[156:157]
        name = known.get("path") or _name(header)
        size = _size(header, known, name, path) if kind not in NO_CONTENT else 0
        _check_size(size, len(data) - position, kind, name, path)
        if kind in EXTENSIONS:
            known |= _extension(kind, data[position : position + size])
        else:
            if kind != FOLDER:
                regular = kind in REGULAR and "sparse" not in known
                found.append(Member(_inside(name, path), position, size, regular))
            known = {}
        position += -(-size // BLOCK) * BLOCK
        if len(found) > max_count:
            raise DataError(f"{shown(path)}: more than the {max_count:,} files that are expected")
    return found, starts, position


def _name(header: bytes) -> str:
    name = _text(header[:100])
    posix = header[257:263] == b"ustar\0" and header[345]
    return f"{_text(header[345:500])}/{name}" if posix else name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="replace")


def _size(header: bytes, known: dict[str, str], name: str, path: Path) -> int:
    """From an extended header, else octal, else (GNU's way for large ones) binary."""
    digits = known.get("size", header[124:136].strip(b"\0 ").decode("latin-1"))
    base = 10 if "size" in known else 8
    if header[124] == 0x80 and base == 8:
        return int.from_bytes(header[125:136], "big")
    try:
        if digits.isascii() and digits.isdigit() and len(digits) <= 20:
            return int(digits, base)
    except ValueError:  # such as an octal 9
        pass
    found = f"{shown(name)} has no size"
    raise DataError(f"{shown(path)}: {found}: the archive is damaged; fetch it again")


def _check_size(size: int, rest: int, kind: bytes, name: str, path: Path) -> None:
    if size > rest:
        found = f"{shown(name)} is said to have {size:,} bytes, the archive holds {rest:,} more"
        raise DataError(f"{shown(path)}: {found}: it is cut off or damaged; fetch it again")
    if kind in EXTENSIONS and size > MAX_EXTENSION:
        found = f"an extended header of {size:,} bytes"
        raise DataError(f"{shown(path)}: {found}, expected {MAX_EXTENSION:,} at most; pack it anew")
    if kind == SPARSE:
        found = f"{shown(name)} is a sparse file"
        raise DataError(f"{shown(path)}: {found}; pack the archive anew without --sparse")


def _extension(kind: bytes, body: bytes) -> dict[str, str]:
    """What an extended header says of the next member: its path, its size, that it is sparse."""
    if kind == LONG_NAME:
        return {"path": _text(body)}
    return _pax_records(body) if kind in PAX else {}


def _pax_records(body: bytes) -> dict[str, str]:
    """Records are "length key=value" and a newline, the length that of the whole record."""
    records, position = {}, 0
    while (blank := body.find(b" ", position)) > 0 and body[position:blank].isdigit():
        length = int(body[position:blank][:6])
        key, _, value = body[blank + 1 : position + length - 1].partition(b"=")
        if key.startswith(b"GNU.sparse."):
            records["sparse"] = ""
        if key in KEYS:
            records[KEYS[key]] = value.decode(errors="replace")
        position += max(length, 1)
    return records


def _inside(name: str, path: Path) -> str:
    if name.startswith("/") or (".." in name and ".." in name.split("/")):
        found = f"{shown(name)} lies outside of the archive"
        way_out = "pack it anew from within its folder: tar cf train.tar -C train ."
        raise DataError(f"{shown(path)}: {found}, expected relative names without '..'; {way_out}")
    return name


def _headers_agree(data: bytes, starts: list[int]) -> bool:
    """Whether each header's checksum is right: the sum of its bytes, the sum's own as blanks."""
    blocks = b"".join([data[start : start + BLOCK] for start in starts])
    if len(blocks) != BLOCK * len(starts):
        return False
    headers = np.frombuffer(blocks, np.uint8).reshape(-1, BLOCK)  # [n, 512]
    sums = headers.sum(1, dtype=np.uint32) - headers[:, 148:156].sum(1, dtype=np.uint32) + 8 * 32
    return sums.tolist() == [_checksum(data[start + 148 : start + 156]) for start in starts]


def _checksum(field: bytes) -> int | None:
    digits = field.strip(b"\0 ")
    try:
        return int(digits, 8) if digits.isdigit() else None
    except ValueError:
        return None
