"""Decoded archives, kept by content: each is decoded once, whoever asks and however often."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import numpy as np

from mnistlib import base
from mnistlib.base import replacing
from mnistlib.dataset import idx

Arrays = tuple[np.ndarray, np.ndarray]
VERSION = "2"  # of the cache's files: another number where their meaning changes
LOCK_SECONDS = 120


def cached(key: str, make: Callable[[], Arrays]) -> Arrays:
    """Return images and labels kept under `key`, or make and keep them.

    Safe for several processes at a time. Where the cache's folder cannot be written, nothing is
    kept and all else works; a damaged file in it counts as absent.

    Args:
        key: names the content, such as the sha256 of an archive.
        make: returns images uint8 [n, 28, 28] and labels int64 [n].
    """
    path = base.CACHE / f"{key}.v{VERSION}"
    found = _read(path)
    if found is not None:
        return found
    with _lock(path.parent):
        found = _read(path)  # another process may have made it meanwhile
        if found is None:
            found = make()
            with suppress(OSError):
                _write(path, found)
    return found


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    from filelock import FileLock

    lock = FileLock(folder / "lock", timeout=LOCK_SECONDS)
    with suppress(OSError, NotImplementedError):  # no cache is better than no digits
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _write(path: Path, arrays: Arrays) -> None:
    parts, found = [], sha256()
    for array in reversed(arrays):  # labels, images
        parts += [idx.header(array.shape), np.ascontiguousarray(array, np.uint8)]
    for part in parts:
        found.update(part)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines([found.digest(), *parts])  # piece by piece: a join would double them


def _read(path: Path) -> Arrays | None:
    try:
        data = memoryview(path.read_bytes())
    except OSError:
        return None
    body = data[32:]
    if sha256(body).digest() != data[:32]:
        return None
    n = int.from_bytes(body[4:8], "big")
    labels = np.frombuffer(body[8 : 8 + n], np.uint8).astype(np.int64)
    images = np.frombuffer(body[8 + n + 16 :], np.uint8).reshape(n, 28, 28)
    return images.copy(), labels  # copied: torch wants arrays that can be written
