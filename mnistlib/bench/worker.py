"""A contestant's own process: python -m mnistlib.bench.worker NAME JOB.

It answers each line on stdin with one line of JSON on stdout: "go" with a Sample, after a first
answer that says that it is ready. It ends where stdin does.
"""

import json
import resource
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from mnistlib.bench.contestants import CONTESTANTS
from mnistlib.bench.settings import Job

PROCESS = Path("/proc/self/status")


def prepare(name: str, job: Job) -> Callable[[], tuple[float, float]]:
    """The function that does the contestant's work once, with everything made that it needs."""
    contestant = CONTESTANTS[name]
    module = import_module(f"mnistlib.bench.{contestant.module}")
    return getattr(module, contestant.function)(job, **contestant.options)


def peak_memory() -> int:
    """The most memory that this process has had, in bytes, without its own worker processes."""
    if PROCESS.exists():  # Linux, whose ru_maxrss starts at the parent's peak
        for line in PROCESS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main(name: str, job: str) -> None:
    """Do the work whenever the parent says so."""
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing else gets in between
    work = _ready(name, json.loads(job))
    _answer(answers, {"ready": name})
    for _ in sys.stdin:
        seconds, images = work()
        _answer(answers, {"seconds": seconds, "images": images, "memory": peak_memory()})


def _ready(name: str, job: dict) -> Callable[[], tuple[float, float]]:
    threads = job["threads"]
    if CONTESTANTS[name].module != "reading":  # which needs no torch
        import torch

        torch.set_num_threads(threads)
    return prepare(name, Job(**{**job, "folder": Path(job["folder"])}))


def _answer(answers, value: dict) -> None:
    print(json.dumps(value), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
