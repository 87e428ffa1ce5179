"""What digits lie in: IDX files, and pictures {id}_{label}.png in a tar or a folder.

zlib, tarfile and Pillow do the work; what they let pass in silence, or would take hours or
gigabytes for, is checked here. Archives are read in memory and never extracted.
"""

import re
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BytesIO
from math import prod
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from mnistlib import base
from mnistlib.base import DataError, UserError, expanded, expect_writable, shown, write_bytes
from mnistlib.dataset.digits import DigitData, Digits, header

MAX_BYTES = 200_000_000  # of any file, unpacked; MNIST's training pictures take 61 MB as a tar
MAX_FILES = 100_000
MAX_PICTURE = 2**12  # bytes; a 28×28 picture takes a few hundred
MAX_EXTENDED = 2**24  # bytes of all of an archive's members that are no regular files
NAME = re.compile(r"(?:(?:.*/)?([0-9])/|.*/)?([0-9]{1,18})_([0-9])\.png", re.IGNORECASE | re.DOTALL)
PICTURE = "an 8-bit grey PNG of 28×28 pixels, named {id}_{label}.png, such as 00042_7.png"
START = struct.pack(">8sI4sIIBBBBB", b"\x89PNG\r\n\x1a\n", 13, b"IHDR", 28, 28, 8, 0, 0, 0, 0)
# What the system, zlib, tarfile, Pillow and the checks here raise on bad input. Not TypeError,
# AttributeError, KeyError and the like: those are mistakes of our own.
BAD_INPUT = (OSError, EOFError, ValueError, RecursionError, OverflowError, SyntaxError,
             struct.error, zlib.error, tarfile.TarError)  # fmt: skip


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
    """The content of a file, at most `limit` bytes, unpacked if it is gzip; raises BAD_INPUT."""
    if not path.is_file():  # reading a pipe could wait for ever
        raise ValueError("is not there, a broken link, or no regular file")
    if path.stat().st_size > limit:
        raise ValueError(f"has {path.stat().st_size:,} bytes, more than {limit:,}")
    data = path.read_bytes()
    if not data.startswith(b"\x1f\x8b"):
        return data
    stream = zlib.decompressobj(31)  # 31: with gzip's header and checksum
    content = stream.decompress(data, limit + 1)
    if len(content) > limit:
        raise ValueError(f"holds more than {limit:,} bytes")
    if not stream.eof or stream.unused_data.strip(b"\0"):  # zeros may fill a file up
        raise ValueError("gzip that is cut off, or something follows it")
    return content


def read_idx(path: Path, *side: int) -> np.ndarray:
    """Read an IDX file, gzipped or not: uint8 [n, *side], which can be written to; DataError where
    it cannot be read, or is not exactly one such array."""
    with expecting(f"an IDX file of uint8 {['n', *side]} and nothing else", path):
        content = read_bytes(path)
        n = int.from_bytes(content[4:8], "big")
        start = header(n, *side)
        if not content.startswith(start) or len(content) != len(start) + n * prod(side):
            found = content[: len(start)].hex(" ", -4) or "nothing"
            raise ValueError(f"{len(content):,} bytes that start with {found}")
        return np.frombuffer(content, np.uint8, offset=len(start)).reshape(n, *side).copy()


def read_pictures(path: Path) -> Digits:
    """Read a tar, gzipped or not, or a folder and the folders in it, sorted by id; once, since what
    was decoded is kept in the cache. DataError where it has no pictures, or anything is damaged."""
    with expecting("a whole tar or a folder of {id}_{label}.png", path, "fetch or pack it again"):
        if path.is_dir():
            pictures = _in_folder(path)
            key = repr([(name, sha256(content).digest()) for name, content in pictures]).encode()
            return cached(key, lambda: _decode_all(pictures, path), shown(path))
        data = read_bytes(path)
        return cached(data, lambda: _decode_all(_in_tar(data), path), shown(path))


def pictures_below(top: Path) -> Iterator[Path]:
    """Those in a folder and in the folders in it, whatever they are: a broken link is told of."""
    if top.is_dir():
        inner = [each for each in top.iterdir() if each.is_dir() and not each.name.startswith(".")]
        for folder in (top, *inner):
            yield from (path for path in folder.iterdir() if _is_picture(path.name))


def _is_picture(name: str) -> bool:
    """Whether this file counts: not a README, and not what macOS strews (._x, .DS_Store)."""
    return name.lower().endswith(".png") and not name.startswith(".")


def _in_folder(folder: Path) -> list[tuple[str, bytes]]:
    """Name and content of each picture."""
    paths, found = sorted(pictures_below(folder)), []
    if len(paths) > MAX_FILES:
        raise ValueError(f"more than {MAX_FILES:,} pictures")
    for path in paths:
        with expecting(PICTURE, path, "check its permissions, or remove it"):
            found.append((path.relative_to(folder).as_posix(), read_bytes(path, MAX_PICTURE)))
    return found


class _Member(tarfile.TarInfo):
    """A header that is cheap to read: tarfile itself would parse any amount of extended ones."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:  # made to be overridden
        tar.extended = getattr(tar, "extended", 0) + self.size * (not self.isreg())
        odd = self.size < 0 or self.type == tarfile.GNUTYPE_SPARSE or len(tar.pax_headers) > 99
        if odd or tar.extended > MAX_EXTENDED:
            raise tarfile.ReadError("a sparse file, one of no size, or too many extended headers")
        return super()._proc_member(tar)


def _in_tar(data: bytes) -> list[tuple[str, bytes]]:
    found = []
    with tarfile.open(fileobj=BytesIO(data), mode="r:", tarinfo=_Member) as tar:
        for count, member in enumerate(tar, 1):
            if count > MAX_FILES or member.size < 0:
                raise ValueError(f"more than {MAX_FILES:,} files, or one of no size")
            if _is_picture(member.name.rpartition("/")[2]) and not member.isdir():
                if not member.isreg() or member.issparse() or member.size > MAX_PICTURE:
                    what = "a link, a device, sparse, or too long"
                    raise ValueError(f"{shown(member.name)} is {what}: {member.size:,} bytes")
                end = member.offset_data + member.size
                found.append((member.name, data[member.offset_data : end]))
        if data[tar.offset : tar.offset + tarfile.BLOCKSIZE] != bytes(tarfile.BLOCKSIZE):
            raise ValueError("no end mark after its last file: cut off, or a damaged header")
    return found  # tarfile alone takes a damaged header for the archive's end


def _decode_all(pictures: list[tuple[str, bytes]], source: Path) -> bytes:
    """785 bytes a picture, sorted by id: its label and its greys."""
    found: dict[int, bytes] = {}
    for name, content in tqdm(pictures, f"reading {source.name}", leave=False, disable=None):
        place = f"{shown(source)}: {shown(name)}"
        with expecting(PICTURE, place, "convert, correct or remove it"):
            match = NAME.fullmatch(name)
            if match is None:
                raise ValueError("its name gives no label from 0 to 9")
            folder, number, label = match[1], int(match[2]), match[3]
            if folder not in (None, label):
                raise ValueError(f"its label {label} contradicts its folder {folder}")
            if number in found:
                raise ValueError(f"id {number} is there more than once")
            found[number] = bytes([int(label)]) + decode(content)
    if not found:
        raise ValueError("0 pictures found")
    return b"".join(found[number] for number in sorted(found))


def decode(content: bytes) -> bytes:
    """The 28×28 greys of a PNG file; raises BAD_INPUT where it is damaged or of another kind."""
    if not content.startswith(START):
        raise ValueError("another kind of picture, or none")
    rows, needed, at = b"", content[:33], 33  # signature and header
    while at < len(content):  # 4 bytes of length, 4 of kind, the body, 4 of checksum
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        chunk, at = content[at:end], end
        rows += chunk[8:-4] if chunk[4:8] == b"IDAT" else b""
        needed += chunk if chunk[4:8] in (b"IDAT", b"IEND") else b""  # texts may unpack to much
    if len(zlib.decompressobj().decompress(rows, 28 * 29 + 1)) != 28 * 29:  # a filter begins a row
        raise ValueError("damaged: it has not 28 rows")  # Pillow fills up with black
    Image.open(BytesIO(needed), formats=["PNG"]).verify()  # checksums, which load() skips
    return Image.open(BytesIO(needed), formats=["PNG"]).tobytes()


def cached(key: bytes, make: Callable[[], bytes], name: str) -> Digits:
    """Digits kept under the sha256 of `key`, or made, as 785 bytes each (label and greys), and
    kept; a damaged file counts as absent."""
    path, content = base.CACHE / f"{sha256(key).hexdigest()}.v4", b""
    with suppress(OSError):
        content = path.read_bytes()
    if sha256(content[32:]).digest() != content[:32]:
        content = make()
        content = sha256(content).digest() + content
        with suppress(OSError):  # no cache is better than no digits
            write_bytes(path, content)
    rows = np.frombuffer(content, np.uint8, offset=32).reshape(-1, 1 + 28 * 28)
    return Digits(rows[:, 1:].copy().reshape(-1, 28, 28), rows[:, 0].astype(np.int64), name)


def encode(image: np.ndarray) -> bytes:
    """The PNG file of one image, uint8 [28, 28]; equal images make equal bytes."""
    content = BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def export(data: DigitData, folder: str | Path, overwrite: bool = False) -> list[Path]:
    """Write train.tar and test.tar, the same for equal digits, to a folder, made if need be; return
    their paths. UserError where one is there already, or the folder cannot be written to."""
    folder = expect_writable(expanded(folder))
    parts = {folder / f"{part}.tar": getattr(data, part) for part in ("train", "test")}
    if not overwrite and (there := [str(path) for path in parts if path.exists()]):
        raise UserError(f"{', '.join(there)}: already there; move it, or give --overwrite")
    for path, digits in parts.items():
        content = BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            for i, label in enumerate(tqdm(digits.labels, path.name, disable=None)):
                picture = encode(digits.images[i])
                member = tarfile.TarInfo(f"{i:05}_{label}.png")  # time 0, owner nobody
                member.size = len(picture)
                tar.addfile(member, BytesIO(picture))
        write_bytes(path, content.getvalue())
    return list(parts)
