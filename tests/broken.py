"""Small files for the tests of bad data: valid ones, to be damaged."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from mnistlib.dataset import files
from mnistlib.dataset.digits import FILES, dump

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9])
PICTURE = files.encode(IMAGES[0])


def pictures(n: int = 6) -> dict[str, bytes]:
    """n named pictures."""
    return {f"{i:05}_{LABELS[i % 6]}.png": files.encode(IMAGES[i % 6]) for i in range(n)}


def tar(contents: Mapping[str, bytes], extra=(), format: int = tarfile.USTAR_FORMAT) -> bytes:
    """A tar's bytes; `extra` are members without content."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=format) as archive:
        for name, content in contents.items():
            archive.addfile(member(name, length=len(content)), io.BytesIO(content))
        for each in extra:
            archive.addfile(each)
    return target.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, length: int = 0, **headers) -> tarfile.TarInfo:
    """A member of any kind, with pax headers."""
    found = tarfile.TarInfo(name)
    found.type, found.size, found.linkname, found.pax_headers = kind, length, "x", headers
    return found


def picture(mode: str) -> bytes:
    """A grey picture saved as a PNG of another mode."""
    target = io.BytesIO()
    Image.fromarray(IMAGES[0]).convert(mode).save(target, "PNG")
    return target.getvalue()


def write_idx(folder: Path, images=IMAGES, labels=LABELS) -> Path:
    """Four IDX files, the same digits for training and testing."""
    arrays = zip(FILES, (images, labels, images, labels), strict=True)
    return write(folder, {name: dump(np.asarray(array)) for name, array in arrays})


def write(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """A folder of files, and of folders in it."""
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
