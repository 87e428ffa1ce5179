"""A grid of recipes × seeds: makes the runs that are missing, several at a time."""

import os
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import joblib
from tqdm.auto import tqdm

from mnistlib import runs
from mnistlib.config import Recipe
from mnistlib.dataset import DigitData, split


def validation_data(data: DigitData) -> DigitData:
    """The fixed split of the training digits that recipes are chosen on; no test digits in it."""
    fitting, validation = split(data.train)
    return DigitData(fitting, validation, f"{data.name}, validation split", data.origin)


def study(
    recipes: Iterable[Recipe],
    seeds: Iterable[int],
    data: DigitData,
    folder: str | Path,
    *,
    jobs: int | None = None,
    progress: bool = True,
) -> list[runs.Run]:
    """Every recipe from every seed: runs found in `folder` are reused, the others made and saved.

    Each run computes with one thread in a process of its own, so that its bits do not depend on
    `jobs` (by default one for each core). A run is saved as it ends; a study that was stopped goes
    on where it was.
    """
    recipes, seeds = list(recipes), list(seeds)
    found = {run.key: run for run in runs.load_all(folder)}
    keys = [runs.key(recipe, seed, data.fingerprint) for recipe, seed in product(recipes, seeds)]
    tasks = dict(zip(keys, product(recipes, seeds), strict=True))
    missing = [task for key, task in tasks.items() if key not in found]
    print(f"{len(tasks)} runs: {len(tasks) - len(missing)} found, {len(missing)} to make")
    for run in _make(missing, data, jobs or os.cpu_count(), progress):
        runs.save(run, folder)
        found[run.key] = run
    return [found[key] for key in tasks]


def _make(tasks: list, data: DigitData, jobs: int, progress: bool) -> Iterable[runs.Run]:
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    made = parallel(joblib.delayed(_task)(recipe, seed, data) for recipe, seed in tasks)
    return tqdm(made, total=len(tasks), unit="run", disable=not progress)


def _task(recipe: Recipe, seed: int, data: DigitData) -> runs.Run:
    from mnistlib.train import fit

    return fit(recipe, data, seed, device="cpu", threads=1, progress=False)
