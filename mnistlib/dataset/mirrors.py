"""Fetch MNIST's four files from the public mirrors, and keep only what is MNIST."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from mnistlib.base import DataError, replacing
from mnistlib.dataset import idx
from mnistlib.dataset.canonical import FILES
from mnistlib.dataset.folder import idx_file

MIRRORS = (  # as torchvision 0.29 lists them
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
ANSWER_SECONDS = 3.0  # for the name, the connection and the first byte together
SILENCE_SECONDS = 20.0  # between two pieces of an answer
LOCK_SECONDS = 900
PIECE = 2**16
MAX_FILE = 2**26  # bytes; the largest of the four has 9.9 million

Answers = SimpleQueue[HTTPResponse | Exception]


def download(
    folder: Path,
    mirrors: Iterable[str] = MIRRORS,
    files: Mapping[str, str] = FILES,
    answer_seconds: float = ANSWER_SECONDS,
) -> None:
    """Fetch the files that `folder` lacks, gzipped, each from the first mirror that has it right.

    What is already there with the right content stays. Each file is checked before it takes its
    name, and one process at a time downloads.

    Args:
        folder: where to; made if need be.
        mirrors: addresses that end in a slash, tried in turn.
        files: sha256 of the uncompressed content by name, without .gz.
        answer_seconds: how long a mirror may take until it answers.

    Raises:
        DataError: the folder cannot be written, or no mirror has all that is missing.
    """
    from filelock import FileLock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=LOCK_SECONDS):
            _fill(folder, mirrors, files, answer_seconds)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _fill(folder: Path, mirrors: Iterable[str], files: Mapping[str, str], seconds: float) -> None:
    missing = {name: sha for name, sha in files.items() if not _is_there(folder, name, sha)}
    problems = []
    for mirror in mirrors:
        if not missing:
            return
        problems += _fetch_from(mirror, folder, missing, seconds)
    if missing:
        lack = f"{len(missing)} of {len(files)} files could not be downloaded"
        raise DataError(f"{folder}: {lack}: {'; '.join(problems)}")


def _is_there(folder: Path, name: str, digest: str) -> bool:
    path = idx_file(folder, name)
    try:
        return path is not None and idx.digest(idx.read(path)) == digest
    except DataError:
        return False


def _fetch_from(mirror: str, folder: Path, missing: dict[str, str], seconds: float) -> list[str]:
    """Fetch what this mirror has right, take it off `missing`, and return what went wrong."""
    problems = []
    for name, digest in list(missing.items()):
        url = f"{mirror}{name}.gz"
        try:
            content = _fetch(url, seconds)
            _check(content, url, digest)
        except DataError as error:
            problems.append(str(error))
            continue
        except (OSError, HTTPException, ValueError) as error:
            # the other files would fail alike, each after as long a wait
            return [*problems, f"{urlsplit(mirror).hostname}: {getattr(error, 'reason', error)}"]
        with replacing(folder / f"{name}.gz") as temporary:
            temporary.write_bytes(content)
        del missing[name]
    return problems


def _check(content: bytes, url: str, digest: str) -> None:
    found = idx.digest(idx.parse(content, url))
    if found != digest:
        raise DataError(f"{url}: sha256 of the content is {found}, expected {digest}; not used")


def _fetch(url: str, seconds: float) -> bytes:
    with _open(url, seconds) as response:
        size = int(response.headers.get("Content-Length") or 0)
        pieces, total = [], 0
        with _progress(url, size) as bar:
            for piece in iter(partial(response.read, PIECE), b""):
                pieces.append(piece)
                total += len(piece)
                bar.update(len(piece))
                if total > MAX_FILE:
                    raise DataError(f"{url}: over {MAX_FILE:,} bytes; not used")
    if total < size:
        raise DataError(f"{url}: cut off after {total:,} of {size:,} bytes")
    return b"".join(pieces)


def _open(url: str, seconds: float) -> HTTPResponse:
    """Open `url` within `seconds`: in a thread, as looking a name up knows no timeout."""
    answers: Answers = SimpleQueue()
    Thread(target=_answer, args=(url, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _answer(url: str, answers: Answers) -> None:
    try:
        answers.put(urlopen(url, timeout=SILENCE_SECONDS))  # noqa: S310 - a mirror's own address
    except HTTPError as error:
        error.close()
        answers.put(OSError(f"HTTP {error.code} {error.reason}"))
    except (OSError, HTTPException, ValueError) as error:
        answers.put(error)


def _progress(url: str, size: int) -> AbstractContextManager:
    from tqdm.auto import tqdm

    options = {"unit": "B", "unit_scale": True, "disable": None, "file": sys.stderr}
    return tqdm(desc=url.rpartition("/")[2], total=size or None, **options)
