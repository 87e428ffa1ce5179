"""Valid files of every kind that the readers know, damaged at random for the campaign."""

import gzip
import tarfile
import zlib
from pathlib import Path

import numpy as np

from mnistlib.dataset import files, load
from mnistlib.dataset.digits import FILES, dump
from tests import broken

MODES = ("L", "L", "L", "1", "P", "RGB", "RGBA", "LA")
NAMES = (
    "3_x.png", "3_12.png", "../3_1.png", "/3_1.png", "0_3.png", "é_1.png", "3.png", "._3_1.png",
    "a/b/3_1.png", "3_1.PNG", "\n_1.png", "3_1.png/4_1.png", "x" * 150 + "/9_1.png",
)  # fmt: skip
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, b"S", b"V", b"x")


def damage(random: np.random.Generator, data: bytes) -> bytes:
    """None to four changes: bits, bytes, cuts, doubled and removed pieces, huge numbers."""
    for _ in range(random.integers(0, 5)):
        at = int(random.integers(0, len(data) + 1)) if random.random() < 0.6 else 0
        at = at or int(random.integers(0, min(len(data), 600) + 1))  # headers lie at the start
        size = int(random.choice([1, 1, 2, 4, 8, 40, 512]))
        other = int(random.integers(0, len(data) + 1))
        start, end = data[:at], data[at + size :]
        changed = (
            start + random.bytes(size) + end,
            start + bytes(size) + end,
            start + b"\xff" * size + end,
            start,
            start + end,
            start + data[other : other + size] + data[at:],
            start + b"77777777777\0"[-size:] + data[at + min(size, 12) :],
            start + b"\x80" + bytes(7) + random.bytes(4) + data[at + 12 :],
            data + random.bytes(size),
            data + start,
        )
        data = changed[random.integers(len(changed))]
    return data


def _pictures(random: np.random.Generator) -> dict[str, bytes]:
    found = broken.pictures(broken.SIX.take(range(random.integers(1, 7)), "some"))
    for _ in range(random.integers(0, 3)):
        odd = random.random() < 0.5
        name = str(random.choice(NAMES)) if odd else f"{random.integers(99)}_1.png"
        content = broken.picture(str(random.choice(MODES)))
        found[name] = damage(random, content) if random.random() < 0.3 else content
    return found


def _pack(random: np.random.Generator, data: bytes) -> bytes:
    """Packed or not, damaged or not, now and then a bomb."""
    if random.random() < 0.01:  # piece by piece, so that making it takes no memory
        packer = zlib.compressobj(1, wbits=31)
        pieces = [packer.compress(bytes(2**20)) for _ in range(random.choice([4, 64, 512]))]
        data = b"".join([packer.compress(data), *pieces, packer.flush()])
    elif random.random() < 0.6:
        data = gzip.compress(data, 1)
    return damage(random, data) if random.random() < 0.5 else data


def _idx(random: np.random.Generator, path: Path) -> Path:
    for name, array in zip(FILES, (broken.IMAGES, broken.LABELS) * 2, strict=True):
        content = dump(array)
        if random.random() < 0.6:
            content = _pack(random, damage(random, content))
        broken.write(path, {f"{name}{random.choice(['', '.gz'])}": content})
    return path


def _tar(random: np.random.Generator, path: Path) -> Path:
    header = str(random.choice(["path", "size", "GNU.sparse.map", "é"]))
    headers = {header: "9" * 12} if random.random() < 0.5 else {}
    extra = broken.member(str(random.choice(NAMES)), KINDS[random.integers(7)], **headers)
    found = {name[:90]: content for name, content in _pictures(random).items()}
    odd = [extra] if random.random() < 0.4 else []
    content = broken.tar(found, odd, tarfile.PAX_FORMAT if odd else FORMATS[random.integers(3)])
    path.write_bytes(_pack(random, damage(random, content) if random.random() < 0.6 else content))
    return path


def _folder(random: np.random.Generator, path: Path) -> Path:
    path.mkdir()
    for name, content in _pictures(random).items():
        (path / name.replace("/", "_").lstrip(".")).write_bytes(content)
    return path


WRITERS = {"idx": _idx, "tar": _tar, "folder": _folder}
READERS = dict.fromkeys(WRITERS, files.read_pictures) | {"idx": lambda path: load(path).train}


def make(seed: list[int], folder: Path) -> tuple[str, Path]:
    """Write one input in a folder: its kind and its path."""
    random = np.random.default_rng(seed)
    kind = str(random.choice(list(WRITERS)))
    return kind, WRITERS[kind](random, folder / "input")
