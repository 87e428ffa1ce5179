"""Small files for the tests of bad data: valid ones, to be damaged."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from mnistlib.dataset import idx
from mnistlib.dataset import pictures as reader
from mnistlib.dataset.digits import FILES

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9])
PICTURE = reader.encode(IMAGES[0])


def pictures(n: int = 6) -> dict[str, bytes]:
    """n named pictures."""
    return {f"{i:05}_{LABELS[i % 6]}.png": reader.encode(IMAGES[i % 6]) for i in range(n)}


def tar(files: Mapping[str, bytes], extra=(), format: int = tarfile.USTAR_FORMAT) -> bytes:
    """A tar's bytes; `extra` are members without content."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=format) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in extra:
            archive.addfile(member)
    return target.getvalue()


def member(name: str, kind: bytes, linkname: str = "00000_3.png") -> tarfile.TarInfo:
    """A member that is no regular file."""
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, linkname
    return found


def picture(mode: str, image: np.ndarray | None = None, **options) -> bytes:
    """A grey picture saved as a PNG of another mode."""
    target = io.BytesIO()
    pixels = IMAGES[0] if image is None else image
    Image.fromarray(pixels).convert(mode).save(target, "PNG", **options)
    return target.getvalue()


def write_idx(folder: Path, images=IMAGES, labels=LABELS) -> Path:
    """Four IDX files, the same digits for training and testing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(FILES, (images, labels, images, labels), strict=True):
        (folder / name).write_bytes(idx.dump(np.asarray(array)))
    return folder


def write_pictures(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A folder of files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
