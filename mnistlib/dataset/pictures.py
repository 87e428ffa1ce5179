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

from mnistlib.dataset import png, tar
from mnistlib.dataset.cache import cached
from mnistlib.dataset.digits import Digits
from mnistlib.errors import DataError

MAX_ARCHIVE = 2**30  # bytes; MNIST's 60,000 pictures take 61 MB
MAX_PICTURE = 2**16  # bytes; a 28×28 picture takes a few hundred
MAX_COUNT = 1_000_000
NAME = re.compile(r"([0-9]{1,18})_([0-9])\.png", re.IGNORECASE)


class Picture(NamedTuple):
    """A picture's file name, where it lies (for messages), and its file's bytes."""

    name: str
    place: str
    content: bytes


def read_archive(path: Path) -> Digits:
    """Read a tar of {id}_{label}.png, decoded once and then kept in the cache by its content.

    Raises:
        DataError: the file is not an undamaged, uncompressed tar of such pictures.
    """
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_ARCHIVE else b""
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if size > MAX_ARCHIVE:
        raise DataError(f"{path}: {size:,} bytes, more than the {MAX_ARCHIVE:,} that are accepted")
    key = sha256(data).hexdigest()
    return Digits(*cached(key, lambda: _decode_archive(data, path)), str(path))


def read_folder(folder: Path) -> Digits:
    """Read a folder of {id}_{label}.png, which may lie in folders of that folder.

    Raises:
        DataError: the folder holds no such pictures, or one is damaged or wrongly named.
    """
    found = [_read_picture(path) for path in _pictures_in(folder)]
    return Digits(*_decode(found, folder), str(folder))


def holds_pictures(folder: Path) -> bool:
    """Whether a folder, or a folder in it, holds at least one picture."""
    return next(_pictures_in(folder), None) is not None


def _is_picture(name: str) -> bool:
    """Whether this file counts: not a README, and not what macOS strews (._x, .DS_Store)."""
    return name.lower().endswith(".png") and not name.startswith(".")


def _pictures_in(folder: Path, depth: int = 1) -> Iterator[Path]:
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_picture(entry.name) and entry.is_file():
                yield Path(entry.path)
            elif depth and not entry.name.startswith(".") and entry.is_dir():
                yield from _pictures_in(Path(entry.path), depth - 1)


def _read_picture(path: Path) -> Picture:
    try:
        with path.open("rb") as file:
            return Picture(path.name, str(path), file.read(MAX_PICTURE + 1))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _decode_archive(data: bytes, path: Path) -> tuple[np.ndarray, np.ndarray]:
    found = (_member(data, path, member) for member in tar.members(data, path, MAX_COUNT))
    return _decode([picture for picture in found if _is_picture(picture.name)], path)


def _member(data: bytes, path: Path, member: tar.Member) -> Picture:
    content = data[member.start : member.start + min(member.size, MAX_PICTURE + 1)]
    return Picture(member.name.rpartition("/")[2], f"{path}: {member.name}", content)


def _decode(pictures: list[Picture], source: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 28, 28] and labels int64 [n], sorted by id."""
    if not 0 < len(pictures) <= MAX_COUNT:
        expected = f"1 to {MAX_COUNT:,} named {{id}}_{{label}}.png"
        raise DataError(f"{source}: {len(pictures):,} pictures found, expected {expected}")
    by_key = sorted((_id_and_label(picture), picture) for picture in pictures)
    keys, pictures = zip(*by_key, strict=True)
    _check_once(keys, source)
    images = png.decode([p.content for p in pictures], [p.place for p in pictures])
    return images, np.array([label for _, label in keys], np.int64)


def _id_and_label(picture: Picture) -> tuple[int, int]:
    """From the file's own name: folders above it may hold underscores and digits of their own."""
    match = NAME.fullmatch(picture.name)
    if match is None:
        expected = "expected {id}_{label}.png with a label from 0 to 9, such as 00042_7.png"
        raise DataError(f"{picture.place}: {expected}")
    if len(picture.content) > MAX_PICTURE:
        raise DataError(f"{picture.place}: over {MAX_PICTURE:,} bytes, expected a 28×28 PNG")
    return int(match[1]), int(match[2])


def _check_once(keys: Sequence[tuple[int, int]], source: Path) -> None:
    """Two splits in one archive must not be taken for one; `keys` come sorted."""
    twice = next((key for key, following in pairwise(keys) if key == following), None)
    if twice is not None:
        raise DataError(
            f"{source}: {twice[0]}_{twice[1]}.png is there more than once, expected one split's "
            "pictures; give training and test pictures a folder or an archive each"
        )
