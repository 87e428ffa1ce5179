"""Find the digits in a folder, in whichever of the known layouts it holds them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mnistlib.base import DataError, shown
from mnistlib.dataset import idx, pictures
from mnistlib.dataset.canonical import FILES, name_by_content
from mnistlib.dataset.digits import DigitData, Digits

PREFIX = {"train": "train", "test": "t10k"}
NESTED = (".", "raw", "MNIST", "MNIST/raw")  # torchvision keeps its files in MNIST/raw
TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
FETCH = "fetch both files again, from one source"
LAYOUTS = (
    "the four IDX files (gzipped or not), train.tar and test.tar (also .gz, .bz2, .xz), "
    "or folders train and test of {id}_{label}.png"
)


def read_pair(root: Path) -> DigitData:
    """Read both splits from a folder.

    Raises:
        DataError: there is no such folder, it holds digits in no known layout, or only one
            split, or a file in it is damaged.
    """
    with listing(root):
        if not root.is_dir():
            found = "is a file" if root.exists() else "no such folder"
            way_out = "; give its folder" if root.exists() else ""
            expected = f"expected a folder that holds {LAYOUTS}"
            raise DataError(f"{shown(root)}: {found}, {expected}{way_out}")
        folder = find(root)
        if folder is None:
            raise DataError(f"{shown(root)}: no digits found, expected {LAYOUTS}{_half(root)}")
    train, test = (read_split(folder, part) for part in PREFIX)
    return name_by_content(train, test, _own_name(folder), f"a folder of {_kind(folder)}")


@contextmanager
def listing(root: Path) -> Iterator[None]:
    """Turn what the system says against looking for files into DataError."""
    try:
        yield
    except OSError as error:
        found = f"cannot be looked into: {error.strerror}"
        raise DataError(f"{shown(root)}: {found}; check its name and permissions") from error


def find(root: Path, parts: Iterable[str] = PREFIX) -> Path | None:
    """The folder at or under `root` that holds these splits, None if there is none."""
    parts = list(parts)
    folders = [root / nested for nested in NESTED]
    return next((f for f in folders if all(_reader(f, part) for part in parts)), None)


def read_split(folder: Path, part: str) -> Digits:
    """Read the split "train" or "test" of a folder.

    Raises:
        DataError: the folder does not hold the split, or a file is damaged.
    """
    with listing(folder):
        reader = _reader(folder, part)
    if reader is None:
        raise DataError(f"{shown(folder)}: no {part} digits found, expected {LAYOUTS}")
    return reader(folder, part)


def idx_file(folder: Path, name: str) -> Path | None:
    """The IDX file of this canonical name in `folder`, gzipped or not, None if missing."""
    names = (name, f"{name}.gz", name.replace("-idx", ".idx"))  # the dot: as some unpackers name it
    return next((folder / n for n in names if (folder / n).is_file()), None)


def idx_names(part: str) -> list[str]:
    """The canonical names of a split's image and label file."""
    return [name for name in FILES if name.startswith(PREFIX[part])]


def _read_idx(folder: Path, part: str) -> Digits:
    paths = [idx_file(folder, name) for name in idx_names(part)]
    images, labels = map(idx.read, paths)
    _check_idx(images, labels, *map(shown, paths))
    return Digits(images, labels.astype(np.int64), f"{shown(folder)}: {part}")


def _check_idx(images: np.ndarray, labels: np.ndarray, image_file: str, label_file: str) -> None:
    """What Digits checks too, in terms of the files, and before labels grow to 8 bytes each."""
    if images.ndim != 3 or images.shape[1:] != (28, 28) or len(images) == 0:
        found = "×".join(map(str, images.shape))
        raise DataError(f"{image_file}: holds {found}, expected images, n×28×28; {FETCH}")
    if labels.ndim != 1:
        found = "×".join(map(str, labels.shape))
        raise DataError(f"{label_file}: holds {found}, expected one label an image; {FETCH}")
    if len(images) != len(labels):
        found = f"{len(labels):,} labels for the {len(images):,} images of {image_file}"
        raise DataError(f"{label_file}: {found}, expected as many; {FETCH}")
    if labels.max() > 9:
        wrong = int(np.argmax(labels > 9))
        found = f"label {labels[wrong]} at position {wrong}"
        raise DataError(f"{label_file}: {found}, expected labels from 0 to 9; {FETCH}")


def tar_file(folder: Path, part: str) -> Path | None:
    """The archive of a split in `folder`, packed or not, None if missing."""
    names = [f"{part}{ending}" for ending in TAR_ENDINGS]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_tar(folder: Path, part: str) -> Digits:
    return pictures.read_archive(tar_file(folder, part))


def _read_pictures(folder: Path, part: str) -> Digits:
    return pictures.read_folder(folder / part)


Reader = Callable[[Path, str], Digits]
KINDS = {_read_idx: "IDX files", _read_tar: "tar archives", _read_pictures: "PNG files"}


def _reader(folder: Path, part: str) -> Reader | None:
    if all(idx_file(folder, name) for name in idx_names(part)):
        return _read_idx
    if tar_file(folder, part):
        return _read_tar
    return _read_pictures if pictures.holds_pictures(folder / part) else None


def _kind(folder: Path) -> str:
    """In which form the folder holds its digits, such as "IDX files"."""
    return " and ".join(dict.fromkeys(KINDS[_reader(folder, part)] for part in PREFIX))


def _own_name(folder: Path) -> str:
    """The folder's name, fit to be shown; its parent's where it is "raw", as torchvision does."""
    folder = folder.resolve()
    return shown(folder.parent.name if folder.name == "raw" else folder.name)


def _half(root: Path) -> str:
    """What an incomplete folder lacks, for the message."""
    missing = [name for name in FILES if not idx_file(root, name)]
    if len(missing) < len(FILES):
        return f"; missing: {', '.join(missing)}"
    there = [part for part in PREFIX if find(root, [part])]
    return f"; found {there[0]} digits alone" if len(there) == 1 else ""
