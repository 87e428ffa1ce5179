"""What a study would do, and for how long, judged by the runs that there are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from mnistlib.config import Recipe
from mnistlib.runs import Run
from mnistlib.study.plan import format_seeds, tasks


def seconds(recipe: Recipe, n_train: int, known: Iterable[Run]) -> float | None:
    """Seconds that one run will take on one core; None where nothing is known.

    The median pace of the known runs of the same recipe, lacking them of the same model, times the
    number of training images in all epochs. A run's pace is that of its median epoch, in which a
    machine that slept has no part.
    """
    known = [run for run in known if run.device == "cpu"]
    same = [run for run in known if replace(run.recipe, epochs=recipe.epochs) == recipe]
    alike = same or [run for run in known if run.recipe.model == recipe.model]
    if not alike:
        return None
    return median(map(_pace, alike)) * recipe.epochs * n_train


def _pace(run: Run) -> float:
    return median(run.history["seconds"]) / run.dataset["n_train"]


def dry_run(
    rows: Mapping[str, Recipe],
    seeds: Sequence[int],
    fingerprint: str,
    n_train: int,
    found: Iterable[Run],
    known: Iterable[Run],
    workers: int,
) -> list[str]:
    """Lines that say which runs a study would find, which it would make, and how long it takes.

    Args:
        rows: recipes by name.
        seeds: all that are wanted.
        fingerprint: of the digits.
        n_train: number of training digits.
        found: runs in the study's folder.
        known: runs whose times are gone by.
        workers: runs at a time.
    """
    keys = {run.key for run in found}
    wanted = tasks(rows, seeds, fingerprint)
    missing = [task for task in wanted if task.key not in keys]
    pace = {task.recipe: seconds(task.recipe, n_train, known) for task in missing}
    lines = [_line("row", "found", "to make", "time")]
    for name, recipe in rows.items():
        to_make = [task.seed for task in missing if task.recipe == recipe]
        had = [seed for seed in seeds if seed not in to_make]
        time = _sum([pace[recipe]] * len(to_make)) if to_make else ""
        lines.append(_line(name, format_seeds(had), format_seeds(to_make), time))
    lines.append(f"{len(wanted)} runs: {len(wanted) - len(missing)} found, {len(missing)} to make")
    return [*lines, _total([pace[task.recipe] for task in missing], workers)]


def _line(name: str, found: str, missing: str, time: str) -> str:
    return f"{name:30} {found:>12} {missing:>12} {time:>16}".rstrip()


def _total(each: Sequence[float | None], workers: int) -> str:
    if not each:
        return "nothing left to do"
    known = [time for time in each if time is not None]
    if not known:
        return f"no record tells how long it takes, {workers} at a time"
    time = duration(max(sum(known) / workers, *known))
    limit = "at least" if len(known) < len(each) else "about"
    return f"{limit} {time}, {workers} at a time"


def _sum(each: Sequence[float | None]) -> str:
    return "unknown" if None in each else duration(sum(each))


def duration(seconds: float) -> str:
    """Seconds for people: "40 s", "12 min", "3 h 20 min"."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
