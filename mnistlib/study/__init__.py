"""A grid of recipes × seeds: makes the runs that are missing, several at a time."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from tqdm.auto import tqdm

from mnistlib import runs
from mnistlib.base import UserError, expect_writable
from mnistlib.config import Recipe
from mnistlib.dataset import DigitData, split
from mnistlib.study.making import make
from mnistlib.study.plan import Task, tasks
from mnistlib.study.pools import open_pool
from mnistlib.study.worker import Failure

__all__ = ["Failure", "StudyError", "Task", "study", "validation_data"]


class StudyError(UserError):
    """Some runs of a study could not be made; all others were, and are saved."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        self.failures = sorted(failures, key=lambda failure: (failure.task.seed, failure.task.name))
        lines = [f"  {failure}" for failure in self.failures]
        super().__init__("\n".join([f"{len(lines)} failed, all other runs are saved:", *lines]))


def validation_data(data: DigitData) -> DigitData:
    """The fixed split of the training digits that recipes are chosen on; no test digits in it."""
    fitting, validation = split(data.train)
    return DigitData(fitting, validation, f"{data.name}, validation split", data.origin)


def study(
    recipes: Mapping[str, Recipe] | Iterable[Recipe],
    seeds: Iterable[int],
    data: DigitData,
    folder: str | Path,
    *,
    jobs: int | None = None,
    backend: str | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> list[runs.Run]:
    """Every recipe from every seed, seed by seed: runs found in `folder` are reused, others made.

    Each run computes with one thread in a process of its own, so that its bits depend neither on
    `jobs` nor on where it is made. A run is saved as it ends, and put aside in `folder` after each
    epoch: a study that was stopped, in whatever way, goes on where it was.

    Args:
        recipes: by the names that messages use, or without names.
        seeds: integers from 0.
        data: the digits; workers get them once each, not with every run.
        folder: where records are found and put.
        jobs: processes on this machine; by default one for each core.
        backend: "loky" (processes of this machine) or "dask"; by default what `scheduler` needs.
        scheduler: address of a Dask cluster's scheduler, such as "tcp://host:8786".
        progress: show a bar with the number of runs and the time to go.

    Raises:
        UserError: `jobs`, `backend` or `scheduler` make no sense, no cluster answers, or
            `folder` cannot be written to.
        StudyError: at the end, where runs could not be made.
    """
    wanted = tasks(recipes, seeds, data.fingerprint)
    found = {run.key: run for run in runs.load_all(folder)}
    missing = [task for task in wanted if task.key not in found]
    print(f"{len(wanted)} runs: {len(wanted) - len(missing)} found, {len(missing)} to make")
    failures = []
    if missing:
        folder = expect_writable(Path(folder)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        with (
            open_pool(backend, jobs, scheduler) as pool,
            closing(make(missing, data, pool, folder)) as made,
        ):
            for outcome in tqdm(made, "study", len(missing), disable=not progress, unit="run"):
                if isinstance(outcome, Failure):
                    failures.append(outcome)
                else:
                    runs.save(outcome, folder)
                    runs.unfinished(folder, outcome.key).unlink(missing_ok=True)
                    found[outcome.key] = outcome
    if failures:
        raise StudyError(failures)
    return [found[task.key] for task in wanted]
