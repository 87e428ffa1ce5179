"""Pictures named {id}_{label}.png, in a tar archive or a folder, read and written.

tarfile and Pillow do the work; what they let pass in silence, or would take hours or gigabytes
for, is checked here. Archives are read in memory and never extracted.
"""

import re
import struct
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from mnistlib import base
from mnistlib.base import DataError, UserError, expanded, pick, replacing, shown, write_bytes
from mnistlib.dataset.digits import DigitData, Digits
from mnistlib.dataset.idx import expecting, read_bytes

MAX_ARCHIVE = 200_000_000  # bytes, unpacked; MNIST's 60,000 pictures take 61 MB
MAX_FILES = MAX_ARCHIVE // (2 * tarfile.BLOCKSIZE)  # a picture takes two blocks and more
MAX_PICTURE = 2**16  # bytes; a 28×28 picture takes a few hundred
MAX_EXTENDED = 2**24  # bytes of all of an archive's members that are no regular files
NAME = re.compile(r"(?:(?:.*/)?([0-9])/|.*/)?([0-9]{1,18})_([0-9])\.png", re.IGNORECASE | re.DOTALL)
SPLIT = re.compile(r"(?i:(?<![a-z])(tr(?:ai)?n|te?st|t10k))|(?<=[a-z])(Train|Test)")  # of a word
PICTURE = "a PNG of 28×28 grey pixels of 8 bits, named {id}_{label}.png, such as 00042_7.png"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type: grey, RGB, palette, grey + A, RGBA
UNSEEN = (b"zTXt", b"iTXt", b"iCCP", b"acTL")  # such chunks may unpack to a thousandfold
PARTS = {"both": ("train", "test"), "train": ("train",), "test": ("test",)}
Arrays = tuple[np.ndarray, np.ndarray]  # images uint8 [n, 28, 28], labels int64 [n]
Pictures = list[tuple[str, bytes]]  # name within the archive or folder, content


def read(path: Path) -> Digits:
    """Read a tar, packed or not, or a folder and the folders in it, sorted by id; once, since what
    was decoded is kept in the cache by its content.

    Raises:
        DataError: it holds no such pictures, or is damaged, or one of them is.
    """
    with expecting("a whole tar or a folder of {id}_{label}.png", path, "fetch or pack it again"):
        if path.is_dir():
            pictures = _files(path)
            key = repr([(name, sha256(content).digest()) for name, content in pictures]).encode()
            return cached(key, lambda: _decode_all(pictures, path), shown(path))
        data = read_bytes(path, MAX_ARCHIVE)
        return cached(data, lambda: _decode_all(_members(data), path), shown(path))


def said(name: str) -> set[str]:
    """Which of "train" and "test" a name speaks of, such as "MNIST_Train-images" or "t10k.tar"."""
    words = {"".join(found).lower() for found in SPLIT.findall(name)}
    return {"train" if word in ("train", "trn") else "test" for word in words}


def _pictures_in(top: Path) -> Iterator[Path]:
    """By name, whatever they are: a broken link must be told of, not passed over."""
    for path in top.iterdir():
        if _is_picture(path.name):
            yield path
        elif path.is_dir() and not path.name.startswith("."):
            yield from (inner for inner in path.iterdir() if _is_picture(inner.name))


def are_in(folder: Path) -> bool:
    """Whether a folder, or a folder in it, holds at least one picture."""
    return folder.is_dir() and next(_pictures_in(folder), None) is not None


def _is_picture(name: str) -> bool:
    """Whether this file counts: not a README, and not what macOS strews (._x, .DS_Store)."""
    return name.lower().endswith(".png") and not name.startswith(".")


def _files(folder: Path) -> Pictures:
    found, total = [], 0
    for file in sorted(_pictures_in(folder)):
        with expecting(PICTURE, file, "check its permissions, or remove it"):
            content = read_bytes(file, MAX_PICTURE)
        found.append((file.relative_to(folder).as_posix(), content))
        total += len(content)
        if total > MAX_ARCHIVE or len(found) > MAX_FILES:
            raise ValueError(f"more than {MAX_ARCHIVE:,} bytes or {MAX_FILES:,} pictures")
    return found


class _Member(tarfile.TarInfo):
    """A header that is cheap to read: tarfile itself would parse any amount of extended ones."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:  # made to be overridden
        tar.extended = getattr(tar, "extended", 0) + self.size * (not self.isreg())
        if self.size < 0 or tar.extended > MAX_EXTENDED or len(tar.pax_headers) > 99:
            raise tarfile.ReadError("a member of no size, or too many extended headers")
        return super()._proc_member(tar)

    def _refuse(self, *_: object) -> None:
        raise tarfile.ReadError(f"{shown(self.name)} is a sparse file")

    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse


def _members(data: bytes) -> Pictures:
    found = []
    with tarfile.open(fileobj=BytesIO(data), mode="r:", tarinfo=_Member) as tar:
        for count, member in enumerate(tar, 1):
            if count > MAX_FILES or member.size < 0:
                raise ValueError(f"more than {MAX_FILES:,} files, or one of no size")
            if _is_picture(member.name.rpartition("/")[2]) and not member.isdir():
                if not member.isreg() or member.size > MAX_PICTURE:
                    what = f"{shown(member.name)} is a link, a device or {member.size:,} bytes long"
                    raise ValueError(what)
                end = member.offset_data + member.size
                found.append((member.name, data[member.offset_data : end]))
        if data[tar.offset : tar.offset + tarfile.BLOCKSIZE] != bytes(tarfile.BLOCKSIZE):
            raise ValueError("no end mark after its last file: cut off, or a damaged header")
    return found  # tarfile alone takes a damaged header for the archive's end


def _decode_all(pictures: Pictures, source: Path) -> Arrays:
    found: dict[int, tuple[int, bytes]] = {}
    if len({part for name, _ in pictures for part in said(name)}) > 1:
        raise ValueError("holds pictures of both splits: give each its own place")
    look = {"desc": f"reading {source.name}", "disable": None, "file": sys.stderr, "leave": False}
    for name, content in tqdm(pictures, **look):
        with expecting(PICTURE, f"{shown(source)}: {shown(name)}", "correct or remove it"):
            match = NAME.fullmatch(name)
            if match is None:
                raise ValueError("its name gives no label from 0 to 9")
            folder, number, label = match[1], int(match[2]), match[3]
            if folder not in (None, label):
                raise ValueError(f"its label {label} contradicts its folder {folder}")
            if number in found:
                raise ValueError(f"id {number} is there more than once")
            found[number] = int(label), decode(content)
    if not found:
        raise ValueError("0 pictures found")
    labels, images = zip(*(found[number] for number in sorted(found)), strict=True)
    greys = np.frombuffer(bytearray().join(images), np.uint8)  # a bytearray can be written to
    return greys.reshape(-1, 28, 28), np.array(labels, np.int64)


def decode(content: bytes) -> bytes:
    """The 28×28 greys of a PNG file; raises BAD_INPUT where it is damaged or they are no bytes."""
    if not content.startswith(SIGNATURE):
        raise ValueError(f"not a PNG file (starts with {content[:8].hex() or 'nothing'})")
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", content, 16)
    if (width, height) != (28, 28) or depth == 16 or interlaced:
        kind = f"{depth} bits{', interlaced' * bool(interlaced)}"
        raise ValueError(f"is {width}×{height} pixels of {kind}")
    chunks = _chunks(content)
    rows = b"".join(chunk[8:-4] for chunk in chunks if chunk[4:8] == b"IDAT")
    size = 28 * (1 + -(-28 * depth * CHANNELS.get(colour, 0) // 8))  # a row begins with its filter
    if len(zlib.decompressobj().decompress(rows, size + 1)) != size:  # Pillow fills up with black
        raise ValueError("damaged: it has not 28 rows")
    content = SIGNATURE + b"".join(chunk for chunk in chunks if chunk[4:8] not in UNSEEN)
    Image.open(BytesIO(content), formats=["PNG"]).verify()  # checksums, which load() skips
    return _greys(Image.open(BytesIO(content), formats=["PNG"]))


def _chunks(content: bytes) -> list[bytes]:
    """A PNG file's chunks: 4 bytes of length, 4 of kind, the body, 4 of checksum."""
    chunks, start = [], len(SIGNATURE)
    while start < len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4], "big")
        chunks.append(content[start:end])
        start = end
        if len(chunks) > 99:
            raise ValueError("more than 99 chunks")
    return chunks


def _greys(image: Image.Image) -> bytes:
    if image.mode == "L" and "transparency" not in image.info:
        return image.tobytes()
    if image.mode == "P" and image.getextrema()[1] >= len(image.getpalette()) // 3:
        raise ValueError("damaged: a pixel has no colour in the palette")
    red, green, blue, alpha = (channel.tobytes() for channel in image.convert("RGBA").split())
    if not red == green == blue or set(alpha) != {255}:
        raise ValueError(f"its mode is {image.mode} and it has coloured or transparent pixels")
    return red


def cached(key: bytes, make: Callable[[], Arrays], name: str) -> Digits:
    """Digits kept under the sha256 of `key`, or made and kept; a damaged file counts as absent."""
    path = base.CACHE / f"{sha256(key).hexdigest()}.v3"
    with suppress(OSError):
        digest, content = (data := path.read_bytes())[:32], bytearray(data[32:])
        if sha256(content).digest() == digest:
            n = len(content) // (28 * 28 + 1)
            labels, greys = (
                np.frombuffer(content, np.uint8)[:n],
                np.frombuffer(content, np.uint8)[n:],
            )
            return Digits(greys.reshape(n, 28, 28), labels.astype(np.int64), name)
    images, labels = make()
    with suppress(OSError):  # no cache is better than no digits
        content = labels.astype(np.uint8).tobytes() + images.tobytes()
        write_bytes(path, sha256(content).digest() + content)
    return Digits(images, labels, name)


def encode(image: np.ndarray) -> bytes:
    """The PNG file of one image, uint8 [28, 28]; equal images make equal bytes."""
    content = BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def export(
    data: DigitData, folder: str | Path, split: str = "both", overwrite: bool = False
) -> list[Path]:
    """Write train.tar, test.tar or "both" to a folder, made if need be; return what was written.

    Equal digits make equal archives.

    Raises:
        UserError: an archive is already there and not to be overwritten, or no such split.
        DataError: the folder cannot be written.
    """
    parts = PARTS[pick("split", split, PARTS)]
    targets = [expanded(folder) / f"{part}.tar" for part in parts]
    there = [str(path) for path in targets if path.exists()]
    if there and not overwrite:
        raise UserError(f"{', '.join(there)}: already there; move it, or give --overwrite")
    try:
        for part, path in zip(parts, targets, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary, tarfile.open(temporary, "w") as tar:
                _write(getattr(data, part), tar, path.name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return targets


def _write(digits: Digits, tar: tarfile.TarFile, name: str) -> None:
    pairs = zip(digits.images, digits.labels, strict=True)
    look = {"desc": name, "total": len(digits), "disable": None, "file": sys.stderr}
    for i, (image, label) in enumerate(tqdm(pairs, **look)):
        content = encode(image)
        member = tarfile.TarInfo(f"{i:05}_{label}.png")  # its time is 0, its owner nobody
        member.size = len(content)
        tar.addfile(member, BytesIO(content))
