"""Pictures named {id}_{label}.png, in a tar archive or a folder, to digits sorted by id.

Archives are read in memory and never extracted.
"""

import os
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnistlib.base import DataError, shown
from mnistlib.dataset import files, packed, png, tar
from mnistlib.dataset.cache import cached
from mnistlib.dataset.digits import Digits
from mnistlib.dataset.idx import MAX_COUNT

MAX_ARCHIVE = 200_000_000  # bytes, unpacked; MNIST's 60,000 pictures take 61 MB
MAX_PICTURE = 2**16  # bytes; a 28×28 picture takes a few hundred
NAME = re.compile(r"([0-9]{1,18})_([0-9])\.png", re.IGNORECASE)


class Picture(NamedTuple):
    """A picture's file name, where it lies (for messages), and its file's bytes."""

    name: str
    place: str
    content: bytes


def read_archive(path: Path) -> Digits:
    """Read a tar of {id}_{label}.png, decoded once and then kept in the cache by its content.

    The tar may be packed with gzip, bzip2 or xz, whatever its name says.

    Raises:
        DataError: the file is not an undamaged tar of such pictures.
    """
    data = files.read(path, MAX_ARCHIVE, "a tar of {id}_{label}.png")
    key = sha256(data).hexdigest()
    return Digits(*cached(key, lambda: _decode_archive(data, path)), shown(path))


def read_folder(folder: Path) -> Digits:
    """Read a folder of {id}_{label}.png, which may lie in folders of that folder.

    Raises:
        DataError: the folder holds no such pictures, or one is damaged or wrongly named.
    """
    return Digits(*_decode(_read_pictures(folder), folder), shown(folder))


def holds_pictures(folder: Path) -> bool:
    """Whether a folder, or a folder in it, holds at least one picture."""
    return next(_pictures_in(folder), None) is not None


def _is_picture(name: str) -> bool:
    """Whether this file counts: not a README, and not what macOS strews (._x, .DS_Store)."""
    return name.lower().endswith(".png") and not name.startswith(".")


def _pictures_in(folder: Path, depth: int = 1) -> Iterator[Path]:
    """Files by name, whatever they are: a broken link must be told of, not passed over."""
    if not folder.is_dir():
        return
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        found = f"cannot be listed: {error.strerror}"
        raise DataError(f"{shown(folder)}: {found}; check its permissions") from error
    for entry in entries:
        is_folder = Path(entry.path).is_dir()
        if _is_picture(entry.name) and not is_folder:
            yield Path(entry.path)
        elif depth and is_folder and not entry.name.startswith("."):
            yield from _pictures_in(Path(entry.path), depth - 1)


def _read_pictures(folder: Path) -> list[Picture]:
    found, total = [], 0
    for path in _pictures_in(folder):
        content = files.read(path, MAX_PICTURE, "a 28×28 PNG")
        found.append(Picture(path.name, shown(path), content))
        total += len(content)
        if total > MAX_ARCHIVE:
            raise DataError(f"{shown(folder)}: over {MAX_ARCHIVE:,} bytes, expected 28×28 PNGs")
        _check_count(len(found), folder)
    return found


def _decode_archive(data: bytes, path: Path) -> tuple[np.ndarray, np.ndarray]:
    if packed.is_packed(data):
        data = packed.unpack(data, shown(path), MAX_ARCHIVE)
    members = tar.members(data, path, MAX_COUNT)
    names = [member.name.rpartition("/")[2] for member in members]
    pairs = zip(names, members, strict=True)
    return _decode([_member(data, path, m, name) for name, m in pairs if _is_picture(name)], path)


def _member(data: bytes, path: Path, member: tar.Member, name: str) -> Picture:
    place = f"{shown(path)}: {shown(member.name)}"
    if not member.is_regular:
        way_out = "pack the archive anew with --dereference --hard-dereference"
        raise DataError(f"{place}: a link, device or sparse file, expected a picture; {way_out}")
    if member.size > MAX_PICTURE:
        found = f"{member.size:,} bytes"
        raise DataError(f"{place}: {found}, expected a 28×28 PNG, of {MAX_PICTURE:,} at most")
    return Picture(name, place, data[member.start : member.start + member.size])


def _decode(pictures: list[Picture], source: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 28, 28] and labels int64 [n], sorted by id."""
    _check_count(len(pictures), source)
    by_id = sorted(((_id_and_label(p), p) for p in pictures), key=lambda pair: pair[0])
    _check_once(by_id, source)
    ordered = [picture for _, picture in by_id]
    images = png.decode([p.content for p in ordered], [p.place for p in ordered])
    return images, np.array([label for (_, label), _ in by_id], np.int64)


def _check_count(count: int, source: Path) -> None:
    if not 0 < count <= MAX_COUNT:
        expected = f"1 to {MAX_COUNT:,} named {{id}}_{{label}}.png"
        way_out = "give a tar or a folder that holds them"
        raise DataError(
            f"{shown(source)}: {count:,} pictures found, expected {expected}; {way_out}"
        )


def _id_and_label(picture: Picture) -> tuple[int, int]:
    """From the file's own name: folders above it may hold underscores and digits of their own."""
    match = NAME.fullmatch(picture.name)
    if match is None:
        expected = "expected {id}_{label}.png with a label from 0 to 9, such as 00042_7.png"
        raise DataError(
            f"{picture.place}: its name gives no label; {expected}; rename or remove it"
        )
    return int(match[1]), int(match[2])


Named = tuple[tuple[int, int], Picture]


def _check_once(by_id: Sequence[Named], source: Path) -> None:
    """One image of two labels is a mistake, and two splits must not be taken for one."""
    for ((number, _), picture), ((following, _), other) in pairwise(by_id):
        if number == following:
            found = f"id {number} is there more than once ({picture.place}, {other.place})"
            way_out = "remove one; give training and test pictures a folder or an archive each"
            raise DataError(f"{shown(source)}: {found}, expected one picture an id; {way_out}")
