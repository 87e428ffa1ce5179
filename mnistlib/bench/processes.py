"""Contestants in processes of their own, started together and timed in turn."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass

from mnistlib import base
from mnistlib.base import UserError
from mnistlib.bench.contestants import CONTESTANTS, TOGETHER
from mnistlib.bench.files import Job
from mnistlib.bench.settings import Settings

PATIENCE = 20  # seconds that a process has to end by itself


@dataclass(frozen=True)
class Sample:
    """One repetition.

    Attributes:
        seconds: measured, not scaled; of the slowest where several ran at the same time.
        images: how many were done in them, all processes together; a product of matrices counts
            as the images that cost as much.
        memory: peak of the process (of the largest, where there are several) so far, in bytes.
    """

    seconds: float
    images: float
    memory: int


def measure(
    names: Sequence[str], folder, settings: Settings, done: Callable[[str], None]
) -> dict[str, list[Sample]]:
    """Time contestants, group by group, in turn within each group.

    Args:
        names: of the contestants.
        folder: holds the digits as files.lay_out wrote them.
        done: called with the contestant's name after each repetition.

    Raises:
        UserError: a contestant's process has stopped.
    """
    samples = {name: [] for name in names}
    for groups in TOGETHER:
        together = [name for name in names if CONTESTANTS[name].group in groups]
        with ExitStack() as stack:
            teams = {name: stack.enter_context(_team(name, folder, settings)) for name in together}
            for name in teams:
                _receive(name, teams[name])
            for name in turns(together, settings.repetitions):
                samples[name].append(_time(name, teams[name]))
                done(name)
    return samples


def turns(names: Sequence[str], repetitions: int) -> Iterator[str]:
    """Who is timed when: all in turn, every other time backwards, so that drift hits all alike."""
    for repetition in range(repetitions):
        for name in names if repetition % 2 == 0 else reversed(names):
            if repetition == 0 or not CONTESTANTS[name].once:
                yield name


Team = list[subprocess.Popen]


@contextmanager
def _team(name: str, folder, settings: Settings) -> Iterator[Team]:
    contestant = CONTESTANTS[name]
    threads = contestant.threads or settings.all_threads
    job = asdict(Job(str(folder), settings.batches, settings.warm_up, threads))
    call = [sys.executable, "-m", "mnistlib.bench.worker", name, json.dumps(job)]
    with ExitStack() as stack:
        yield [stack.enter_context(_process(call, folder)) for _ in range(contestant.processes)]


@contextmanager
def _process(call: list[str], folder) -> Iterator[subprocess.Popen]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    # what a killed process leaves behind, such as the socket of a DataLoader, goes with the folder
    environment = {**os.environ, "TMPDIR": str(folder)}
    # a session of its own, for Ctrl-C is the parent's to answer, from the first moment
    process = subprocess.Popen(  # noqa: S603 - our own
        call, cwd=base.ROOT, text=True, env=environment, start_new_session=True, **pipes
    )
    try:
        yield process
        process.communicate(timeout=PATIENCE)  # closes its stdin, which ends it
    except BaseException:
        process.kill()
        process.communicate()
        raise


def _time(name: str, team: Team) -> Sample:
    for process in team:
        _send(process)
    found = _receive(name, team)
    return Sample(
        max(answer["seconds"] for answer in found),
        sum(answer["images"] for answer in found),
        max(answer["memory"] for answer in found),
    )


def _send(process: subprocess.Popen) -> None:
    try:
        process.stdin.write("go\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # its missing answer says so


def _receive(name: str, team: Team) -> list[dict]:
    lines = [process.stdout.readline() for process in team]
    if not all(lines):
        codes = [process.wait(PATIENCE) for process in team if process.poll() is not None]
        raise UserError(
            f"contestant {name!r} stopped by itself (exit status {codes}); what it said stands "
            "above, and nothing above means that it was killed, as where memory runs out"
        )
    return [json.loads(line) for line in lines]
