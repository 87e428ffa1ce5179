"""Reading digits from files, here and with Pillow; the files are in the system's page cache."""

import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Sized

import numpy as np

from mnistlib import base
from mnistlib.bench.files import RAW, archive
from mnistlib.bench.settings import BATCH, Job
from mnistlib.dataset import Digits, folder, pictures

Work = Callable[[], tuple[float, int]]


def idx_files(job: Job) -> Work:
    """The two IDX files of the training digits, to tensors as fit() holds them."""
    from mnistlib.course import Batches

    return _timed(lambda: Batches(folder.read_split(job.folder / RAW, "train"), BATCH).images)


def tar_first(job: Job) -> Work:
    """The archive, decoded; its cache is emptied before each time."""
    return _timed(lambda: pictures.read_archive(archive(job)), _own_cache(job, "first"))


def tar_again(job: Job) -> Work:
    """The archive, found in the cache."""
    _own_cache(job, "again")()
    pictures.read_archive(archive(job))
    return _timed(lambda: pictures.read_archive(archive(job)))


def pillow(job: Job) -> Work:
    """The archive, one picture after the other through tarfile and Pillow."""
    return _timed(lambda: _with_pillow(archive(job)))


def help_text(job: Job) -> Work:
    """The command line's help, in a process of its own."""
    call = [sys.executable, "-m", "mnistlib", "--help"]

    def work() -> tuple[float, int]:
        start = time.perf_counter()
        subprocess.run(call, check=True, capture_output=True, cwd=base.ROOT)  # noqa: S603
        return time.perf_counter() - start, 1

    return work


def _with_pillow(path) -> Digits:
    from PIL import Image

    images, labels = [], []
    with tarfile.open(path) as tar:
        for member in tar:
            with Image.open(tar.extractfile(member)) as image:
                images.append(np.array(image))
            labels.append(int(member.name[:-4].split("_")[1]))
    return Digits(np.stack(images), np.array(labels), str(path))


def _timed(read: Callable[[], Sized], before: Callable[[], None] | None = None) -> Work:
    def work() -> tuple[float, int]:
        if before is not None:
            before()
        start = time.perf_counter()
        digits = read()
        return time.perf_counter() - start, len(digits)

    return work


def _own_cache(job: Job, name: str) -> Callable[[], None]:
    """Empties a cache of the contestant's own, and makes this process use it."""

    def empty() -> None:
        base.CACHE = job.folder / "cache" / name  # nobody else lives in this process
        shutil.rmtree(base.CACHE, ignore_errors=True)

    return empty
