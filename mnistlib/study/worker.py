"""One run of a study, in whatever process makes it."""

import os
import signal
import threading
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tqdm import tqdm

from mnistlib.base import DataError
from mnistlib.dataset import DigitData
from mnistlib.runs import Run, key, unfinished
from mnistlib.study.plan import Task

_ONE_AT_A_TIME = threading.Lock()  # torch has one thread count and one random state a process


@dataclass(frozen=True)
class Failure:
    """A run that could not be made, and why, in one line."""

    task: Task
    error: str

    def __str__(self) -> str:
        return f"{self.task.name}, seed {self.task.seed}: {self.error}"


def attempt(task: Task, data: DigitData, parent: int | None, folder: Path) -> Run | Failure:
    """Make one run with one thread on the CPU; whatever goes wrong with it is returned.

    Args:
        task: the run to make.
        data: the digits.
        parent: the process that this one must not outlive, if it is not that process itself.
        folder: the study's, a whole path; where this machine has it too, the run is put aside
            there after each epoch, and goes on from there when it is made again.
    """
    if parent not in (None, os.getpid()):
        _belong_to(parent)
    try:
        _expect_same_digits(task, data)
        from mnistlib.train import fit

        shared = folder.is_dir() and os.access(folder, os.W_OK)
        how = {"device": "cpu", "threads": 1, "progress": False}
        with _ONE_AT_A_TIME:
            checkpoint = unfinished(folder, task.key) if shared else None
            return fit(task.recipe, data, task.seed, checkpoint=checkpoint, **how)
    except Exception as error:
        return Failure(task, one_line(error))


def one_line(error: BaseException) -> str:
    """An error's type and the first line of its message."""
    lines = str(error).splitlines() or ["(no message)"]
    return f"{type(error).__name__}: {lines[0]}"


def _expect_same_digits(task: Task, data: DigitData) -> None:
    """Compare the bytes that arrived with those that the run was planned for: 0.1 s for MNIST."""
    arrived = replace(data, train=replace(data.train), test=replace(data.test))  # no kept digests
    if key(task.recipe, task.seed, arrived.fingerprint) != task.key:
        raise DataError(
            f"the worker's digits (fingerprint {arrived.fingerprint[:12]}) or its version of "
            "mnistlib are not the driver's; start the workers again from the same files"
        )


@cache  # once a process
def _belong_to(parent: int) -> None:
    """Leave Ctrl-C to the driver, and end when it does, even where it was killed.

    Without this a worker whose driver is gone would train on for nobody.
    """
    tqdm.set_lock(threading.RLock())  # its usual one is a semaphore, which no killed process frees
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=[parent], daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
