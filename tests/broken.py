"""Small files for the tests of digits: valid ones, to be damaged."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from mnistlib import base
from mnistlib.dataset import DigitData, Digits, files
from mnistlib.dataset.digits import FILES, dump

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9])
SIX = Digits(IMAGES, LABELS)
DATA = DigitData(SIX, SIX, "six", "made up")
PICTURE = files.encode(IMAGES[0])


def pictures(digits: Digits = SIX) -> dict[str, bytes]:
    """A PNG of each, by its file's name."""
    names = [f"{i:05}_{label}.png" for i, label in enumerate(digits.labels)]
    return dict(zip(names, map(files.encode, digits.images), strict=True))


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


def write_idx(folder: Path, data: DigitData = DATA, form: str = "{0}", pack=bytes) -> Path:
    """Four IDX files; `form` makes a path of a name, and of it with a dot for its hyphen."""
    arrays = (data.train.images, data.train.labels, data.test.images, data.test.labels)
    paths = [form.format(name, name.replace("-idx", ".idx")) for name in FILES]
    packed = [pack(dump(array)) for array in arrays]
    return write(folder, dict(zip(paths, packed, strict=True)))


def write_pictures(folder: Path, data: DigitData) -> Path:
    """The folders train and test."""
    write(folder / "train", pictures(data.train))
    return write(folder / "test", pictures(data.test)).parent


def fingerprint(cache: Path, path: Path) -> str:
    """What a process with this cache reads."""
    base.CACHE = cache
    return files.read_pictures(path).fingerprint


def write(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """A folder of files, and of folders in it."""
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
