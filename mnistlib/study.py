"""A grid of recipes × seeds: makes the runs that are missing, several at a time.

They are made by processes of this machine (joblib's loky), or by the workers of a Dask cluster.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import cloudpickle
import joblib
from tqdm.auto import tqdm

from mnistlib import runs
from mnistlib.base import DataError, UserError, expect_writable, within
from mnistlib.config import REGISTERED, Recipe, row_name
from mnistlib.dataset import DigitData, split
from mnistlib.processes import side_by_side
from mnistlib.train import fit

RESTARTS = 3  # of all workers, after one was lost (killed for its memory, say)
SECONDS_TO_ANSWER = 15
Outcome = tuple[str, runs.Run | str]  # a run's key; the run, or in a line why it was not made
Workers = Callable[[list["Task"], DigitData, Path], Iterator[Outcome]]  # make what they are given


@dataclass(frozen=True)
class Task:
    """One run to make."""

    recipe: Recipe
    seed: int
    key: str  # that its record will have
    sent: bytes  # its network and technique, by value where a script or notebook defines them


class StudyError(UserError):
    """Some runs of a study could not be made; all others were, and are saved."""

    code = 1


def validation_data(data: DigitData) -> DigitData:
    """The fixed split of the training digits that recipes are chosen on; no test digits in it."""
    fitting, validation = split(data.train)
    return replace(data, train=fitting, test=validation, name=f"{data.name}, validation split")


def study(
    recipes: Iterable[Recipe],
    seeds: Iterable[int],
    data: DigitData,
    folder: str | Path,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> list[runs.Run]:
    """Every recipe from every seed, seed by seed: runs found in `folder` are reused, others made.

    Each run computes with one thread, so that its bits depend neither on `jobs` nor on where it is
    made. A run is saved as it ends, and put aside in `folder` after each epoch: a study that was
    stopped, in whatever way, goes on where it was.

    Args:
        data: workers get the digits once each, not with every run.
        jobs: processes of this machine; by default one for each core.
        scheduler: of a Dask cluster that makes the runs instead, such as "tcp://host:8786".

    UserError where options make no sense, no cluster answers, or `folder` cannot be written to;
    StudyError at the end, where runs could not be made.
    """
    wanted = tasks(recipes, seeds, data.fingerprint)
    found = {run.key: run for run in runs.load_all(folder)}
    missing = [task for task in wanted if task.key not in found]
    print(f"{len(wanted)} runs: {len(wanted) - len(missing)} found, {len(missing)} to make")
    if not missing:
        return [found[task.key] for task in wanted]
    folder, failed = expect_writable(Path(folder)), {}
    folder.mkdir(parents=True, exist_ok=True)
    with pool(jobs, scheduler) as workers, closing(_make(missing, data, folder, workers)) as made:
        for key, outcome in tqdm(made, "study", len(missing), disable=not progress, unit="run"):
            if isinstance(outcome, str):
                failed[key] = outcome
            else:
                runs.save(outcome, folder)
                runs.unfinished(folder, key).unlink(missing_ok=True)
                found[key] = outcome
    if failed:
        lines = [
            f"  {row_name(task.recipe)}, seed {task.seed}: {failed[task.key]}"
            for task in missing
            if task.key in failed
        ]
        raise StudyError("\n".join([f"{len(failed)} failed, all other runs are saved:", *lines]))
    return [found[task.key] for task in wanted]


def tasks(recipes: Iterable[Recipe], seeds: Iterable[int], fingerprint: str) -> list[Task]:
    """Each run once, seed by seed, so that a study that is stopped is a complete smaller one."""
    found: dict[str, Task] = {}
    for seed, recipe in product(map(int, seeds), recipes):
        key = runs.key(recipe, seed, fingerprint)
        names = recipe.model, recipe.model, recipe.augment
        used = [{name: known[name]} for name, known in zip(names, REGISTERED, strict=True)]
        found.setdefault(key, Task(recipe, seed, key, cloudpickle.dumps(used)))
    return list(found.values())


def attempt(task: Task, data: DigitData, folder: Path) -> Outcome:
    """Make one run with one thread on the CPU; whatever goes wrong with it is returned.

    Where this machine has the study's folder too (a whole path), the run is put aside there after
    each epoch, and goes on from there when it is made again.
    """
    try:
        for known, sent in zip(REGISTERED, cloudpickle.loads(task.sent), strict=True):
            known.update(sent)
        if runs.key(task.recipe, task.seed, data.fingerprint) != task.key:
            found = "the worker's digits or its version of mnistlib are not the driver's"
            raise DataError(f"{found}; start the workers again from the same files")
        shared = folder.is_dir() and os.access(folder, os.W_OK)
        checkpoint = runs.unfinished(folder, task.key) if shared else None
        how = {"device": "cpu", "progress": False, "checkpoint": checkpoint}
        return task.key, fit(task.recipe, data, task.seed, **how)
    except Exception as error:
        return task.key, _one_line(error)


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or ['(no message)'])[0]}"


def _make(todo: list[Task], data: DigitData, folder: Path, workers: Workers) -> Iterator[Outcome]:
    """Yield each run's outcome as it ends; where workers are lost, make what is left again."""
    left = {task.key: task for task in todo}
    for restart in range(RESTARTS + 1):
        try:
            for key, outcome in workers(list(left.values()), data, folder.absolute()):
                del left[key]
                yield key, outcome
            return
        except Exception as error:  # not a run's own: attempt() returns those
            lost = _one_line(error).partition(". ")[0]
            if restart < RESTARTS:
                tqdm.write(f"workers were lost ({lost}); {len(left)} runs again", sys.stderr)
    for key in left:
        times = f"workers were lost {RESTARTS + 1} times"
        yield key, f"{times}, at last by {lost}; if memory is short, make fewer at a time"


def _processes(jobs: int, todo: list[Task], data: DigitData, folder: Path) -> Iterator[Outcome]:
    return side_by_side(partial(attempt, data=data, folder=folder), todo, jobs)


def _cluster(client, todo: list[Task], data: DigitData, folder: Path) -> Iterator[Outcome]:
    from distributed import as_completed

    digits = client.scatter(data, broadcast=True, hash=False)  # no shared disk is needed
    made = client.map(attempt, todo, data=digits, folder=folder, pure=False)
    return (future.result() for future in as_completed(made, loop=client.loop))


@contextmanager
def pool(jobs: int | None, scheduler: str | None) -> Iterator[Workers]:
    """What makes runs while it is open; or a UserError as study() says."""
    if scheduler and jobs:
        raise UserError("jobs are processes of this machine; give them or a scheduler, not both")
    if scheduler:
        with _connect(scheduler) as client:
            yield partial(_cluster, client)
    else:
        jobs = joblib.cpu_count() if jobs is None else within("jobs", jobs, 1, 1024)
        yield partial(_processes, jobs)


def _connect(scheduler: str):
    """A distributed.Client whose workers have one thread each: torch has one random state each."""
    from distributed import Client

    try:
        client = Client(scheduler, timeout=SECONDS_TO_ANSWER, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        found = f"no scheduler answers ({error})"
        raise UserError(f"{scheduler}: {found}; start one with: dask scheduler") from None
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=SECONDS_TO_ANSWER)
    if (threads := set(client.nthreads().values())) != {1}:
        client.close()
        found = "workers of several threads" if threads else "no workers"
        start = f"start them with: dask worker {scheduler} --nworkers auto --nthreads 1"
        raise UserError(f"{scheduler}: {found}; {start}")
    return client
