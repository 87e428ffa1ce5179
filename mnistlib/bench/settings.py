"""How much is timed, and what each contestant is told."""

import os
from dataclasses import dataclass
from pathlib import Path

from mnistlib.base import UserError

BATCH = 64  # images a step, for everybody
MAX_BATCHES = 100_000
MAX_REPETITIONS = 1_000


@dataclass(frozen=True)
class Settings:
    """How much is timed.

    Attributes:
        batches: of 64 images, in each repetition; 938 are an epoch of MNIST.
        repetitions: how often each contestant is timed, all in turn.
        warm_up: batches before the clock starts.
        threads: of each contestant that does not fix its own; None for all cores.

    Raises:
        UserError: a number is out of range.
    """

    batches: int = 200
    repetitions: int = 5
    warm_up: int = 20
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, low, high in (
            ("batches", 1, MAX_BATCHES),
            ("repetitions", 1, MAX_REPETITIONS),
            ("warm_up", 1, MAX_BATCHES),
            ("threads", 1, 1024),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UserError(f"{name}={value!r} is out of range; give {low} to {high}")

    @property
    def all_threads(self) -> int:
        """The threads of a contestant that does not fix its own."""
        return self.threads or cores()


QUICK = Settings(batches=30, repetitions=3, warm_up=5)  # about a minute on two cores


@dataclass(frozen=True)
class Job:
    """What a contestant is told.

    Attributes:
        folder: holds the digits in the forms of mnistlib.bench.files.
        batches, warm_up, threads: as in Settings.
    """

    folder: Path
    batches: int
    warm_up: int
    threads: int

    @property
    def images(self) -> int:
        """How many images a repetition of training takes."""
        return self.batches * BATCH


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
