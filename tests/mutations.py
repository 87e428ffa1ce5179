"""Valid files of every kind that the readers know, damaged at random for the campaign."""

import bz2
import lzma
import os
import shutil
import tarfile
import zlib
from functools import partial
from pathlib import Path

import numpy as np

from mnistlib.dataset import Digits, idx, pictures, source
from mnistlib.dataset.digits import FILES
from tests import broken

PACKERS = (partial(zlib.compressobj, 1, wbits=31), bz2.BZ2Compressor, lzma.LZMACompressor)
MODES = ("L", "L", "1", "P", "RGB", "RGBA", "LA")
NAMES = (
    "3_x.png", "3_12.png", "../3_1.png", "/3_1.png", "0_3.png", "é_1.png", "3.png", "._3_1.png",
    "a/b/3_1.png", "3_1.PNG", "\n_1.png", "3_1.png/4_1.png", "x" * 150 + "/9_1.png",
)  # fmt: skip
PAX = ("path", "size", "GNU.sparse.map", "é")
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def read_anything() -> None:
    """Use each library once, so that later measurements hold no import."""
    pictures.decode(broken.picture("RGB"))


def _bytes(random: np.random.Generator, n: int) -> bytes:
    return random.integers(0, 256, n, np.uint8).tobytes()


def damage(random: np.random.Generator, data: bytes) -> bytes:
    """None to four changes: bits, bytes, cuts, doubled and removed pieces, huge numbers, bombs."""
    for _ in range(random.integers(0, 5)):
        at = int(random.integers(0, len(data) + 1)) if random.random() < 0.6 else 0
        at = at or int(random.integers(0, min(len(data), 600) + 1))  # headers lie at the start
        size = int(random.choice([1, 1, 2, 4, 8, 40, 512]))
        other = int(random.integers(0, len(data) + 1))
        start, end = data[:at], data[at + size :]
        changed = (
            start + _bytes(random, size) + end,
            start + bytes(size) + end,
            start + b"\xff" * size + end,
            start,
            start + end,
            start + data[other : other + size] + data[at:],
            start + b"77777777777\0"[-size:] + data[at + min(size, 12) :],
            start + b"\x80" + bytes(7) + _bytes(random, 4) + data[at + 12 :],
            data + _bytes(random, size),
            data + start,
        )
        data = changed[random.integers(len(changed))]
    return data


def _picture(random: np.random.Generator) -> bytes:
    content = broken.picture(str(random.choice(MODES)), broken.IMAGES[random.integers(6)])
    return damage(random, content) if random.random() < 0.3 else content


def _pictures(random: np.random.Generator) -> dict[str, bytes]:
    files = broken.pictures(int(random.integers(1, 8)))
    for _ in range(random.integers(0, 3)):
        name = (
            str(random.choice(NAMES)) if random.random() < 0.5 else f"{random.integers(99)}_1.png"
        )
        files[name] = _picture(random)
    return files


def _pack(random: np.random.Generator, data: bytes) -> bytes:
    """Packed or not, damaged or not, now and then a bomb."""
    if random.random() < 0.6:
        packer = PACKERS[random.integers(len(PACKERS))]()
        pieces = [packer.compress(data)]
        if random.random() < 0.01:  # piece by piece, so that making it takes no memory
            pieces += [packer.compress(bytes(2**20)) for _ in range(random.choice([4, 64, 512]))]
        data = b"".join([*pieces, packer.flush()])
    return damage(random, data) if random.random() < 0.5 else data


def _idx(random: np.random.Generator, path: Path) -> Path:
    path.mkdir()
    for name, array in zip(FILES, (broken.IMAGES, broken.LABELS) * 2, strict=True):
        content = idx.dump(array)
        if random.random() < 0.6:
            content = _pack(random, damage(random, content))
        (path / f"{name}{random.choice(['', '.gz'])}").write_bytes(content)
    return path


def _tar(random: np.random.Generator, path: Path) -> Path:
    kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, b"S", b"V", b"x"]
    extra = broken.member(str(random.choice(NAMES)), kinds[random.integers(7)])
    if random.random() < 0.5:
        extra.pax_headers = {str(random.choice(PAX)): "9" * 12}
    files = {name[:90]: content for name, content in _pictures(random).items()}
    if random.random() < 0.4:
        content = broken.tar(files, [extra], tarfile.PAX_FORMAT)
    else:
        content = broken.tar(files, format=FORMATS[random.integers(3)])
    path.write_bytes(_pack(random, damage(random, content) if random.random() < 0.6 else content))
    return path


def _folder(random: np.random.Generator, path: Path) -> Path:
    path.mkdir()
    for name, content in _pictures(random).items():
        target = path / name.replace("/", "_").lstrip(".")
        roll = random.random()
        if os.path.lexists(target):
            continue
        if roll < 0.03:
            target.symlink_to(str(random.choice(["nowhere", "/dev/zero", str(target), str(path)])))
        elif roll < 0.04:
            os.mkfifo(target)
        else:
            target.write_bytes(content)
    return path


def _png(random: np.random.Generator, path: Path) -> Path:
    path.mkdir()
    (path / "0_1.png").write_bytes(damage(random, _picture(random)))
    return path


def _read_idx(path: Path) -> Digits:
    return source.load(path).train


MAKERS = {"idx": _idx, "tar": _tar, "folder": _folder, "png": _png}
READERS = {"idx": _read_idx, "tar": pictures.read, "folder": pictures.read, "png": pictures.read}


def make(random: np.random.Generator, where: Path) -> tuple[str, Path]:
    """Write one input below `where`: its kind and its path."""
    kind = str(random.choice(list(MAKERS)))
    return kind, MAKERS[kind](random, where / "input")


def clear(where: Path) -> None:
    """Take the input and the cache away."""
    for path in where.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
