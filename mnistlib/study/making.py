"""The driver's side: hands out the runs to make, and hands on what comes back."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import joblib
from tqdm import tqdm

from mnistlib.dataset import DigitData
from mnistlib.runs import Run
from mnistlib.study.plan import Task
from mnistlib.study.pools import Pool
from mnistlib.study.worker import Failure, attempt, one_line

RESTARTS = 3  # of all workers, after one was lost (killed for its memory, say)


def make(
    tasks: Sequence[Task], data: DigitData, pool: Pool, folder: Path
) -> Iterator[Run | Failure]:
    """Yield each run, or why there is none, as it ends.

    `folder` is the study's, where runs are put aside after each epoch. When workers are lost, runs
    that were under way go on from there; after RESTARTS times what is left is given up.
    """
    left = {task.key: task for task in tasks}
    for restart in range(RESTARTS + 1):
        try:
            for outcome in _once(list(left.values()), data, pool, folder):
                del left[_key(outcome)]
                yield outcome
            return
        except Exception as error:  # not a run's own: attempt() returns those
            lost = one_line(error).partition(". ")[0]
            if restart < RESTARTS:
                tqdm.write(f"workers were lost ({lost}); {len(left)} runs again", sys.stderr)
    for task in left.values():
        times = f"workers were lost {RESTARTS + 1} times"
        yield Failure(task, f"{times}, at last by {lost}; if memory is short, make fewer at a time")


def _once(tasks: list[Task], data: DigitData, pool: Pool, folder: Path) -> Iterator[Run | Failure]:
    parallel = joblib.Parallel(
        n_jobs=min(pool.workers, max(2, len(tasks))),  # 1 would mean the driver itself
        backend=pool.backend(data),
        return_as="generator_unordered",
        pre_dispatch="all",  # workers that join a cluster later find runs to make
        batch_size=1,  # a run is handed back, and saved, as soon as it ends
    )
    return parallel(joblib.delayed(attempt)(task, data, pool.parent, folder) for task in tasks)


def _key(outcome: Run | Failure) -> str:
    return outcome.task.key if isinstance(outcome, Failure) else outcome.key
