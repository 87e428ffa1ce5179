"""What `python -m mnistlib study` does, and what its --dry-run tells."""

import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from statistics import median

from tqdm import tqdm

from mnistlib import base, runs
from mnistlib.base import UserError, expect_writable, own_output, pick
from mnistlib.config import ROWS, Recipe
from mnistlib.dataset import DigitData, load
from mnistlib.study import StudyError, check_options, on_ctrl_c, pool, study, tasks


def command(
    only: Sequence[str] | None = None,
    seeds: str = "0-9",
    epochs: int | None = None,
    data_dir: str | None = None,
    out: Path | None = None,
    show: bool = False,
    **where: object,
) -> int:
    """Make the study's missing runs, or with `show` only say which they are and how long it takes.

    `where` are study()'s jobs, backend and scheduler. Returns 0, 1 where runs failed, 130 after
    Ctrl-C.

    Raises:
        UserError: an option makes no sense.
    """
    names = [pick("row", name, ROWS) for name in only or ROWS]
    changes = {} if epochs is None else {"epochs": epochs}
    rows = {name: replace(ROWS[name], **changes) for name in names}
    numbers = parse_seeds(seeds)
    check_options(**where)
    if out is not None and not show:
        expect_writable(out)
    data = load(data_dir)
    folder = _folder(data, out, epochs)
    if show:
        with pool(**{**where, "backend": None}) as (workers, _):  # starts nothing, asks a cluster
            print("\n".join(dry_run(rows, numbers, data, folder, workers)))
        return 0
    return _make(rows, numbers, data, folder, where)


def _make(rows: Mapping[str, Recipe], seeds, data: DigitData, folder: Path, where: dict) -> int:
    # joblib's advice to a generator that is not used up; here it was stopped on purpose
    warnings.filterwarnings("ignore", r"\d+ tasks ", UserWarning, "joblib")
    try:
        with on_ctrl_c(_stop_quietly):
            study(rows, seeds, data, folder, **where)
    except StudyError as failed:
        print(f"mnistlib: error: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = f"finished runs are in {folder}, and the same command makes the rest"
        print(f"\nmnistlib: stopped; {kept}", file=sys.stderr)
        return 130
    return 0


def _stop_quietly(number: int, frame: object) -> None:
    threading.excepthook = lambda _: None  # what the pool's threads die of now is no news
    signal.default_int_handler(number, frame)


def _folder(data: DigitData, out: Path | None, epochs: int | None) -> Path:
    """Only the study itself goes into the records behind the report: no trial, no other digits."""
    if out is None:
        return base.RUNS if data.name == "MNIST" and epochs is None else base.OUT / "runs"
    return own_output(out, data, parts=())


def parse_seeds(text: str) -> list[int]:
    """The seeds that "0-9" or "0,3,7-8" stands for, in that order, each once.

    Raises:
        UserError: the text is not of this form, or a range runs backwards.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part.strip(), re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise UserError(f"seeds {text!r}: {part!r} is no seed; give '0-9' or '0,3,7-8'")
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))


def format_seeds(seeds: Iterable[int]) -> str:
    """The shortest text that parse_seeds() reads as these seeds, in rising order; "-" for none."""
    ranges: list[list[int]] = []
    for seed in sorted(seeds):
        if ranges and seed == ranges[-1][-1] + 1:
            ranges[-1][1:] = [seed]
        else:
            ranges.append([seed])
    return ",".join("-".join(map(str, bounds)) for bounds in ranges) or "-"


def dry_run(
    rows: Mapping[str, Recipe], seeds: Sequence[int], data: DigitData, folder: Path, workers: int
) -> list[str]:
    """Lines that say which runs of a study are in `folder`, which are missing, and their time.

    It is judged by the records there and by those of the report; `workers` is the number of runs
    at a time.
    """
    found = runs.load_all(folder)
    known = [*found, *(runs.load_all(base.RUNS) if folder != base.RUNS else [])]
    wanted, keys = tasks(rows, seeds, data.fingerprint), {run.key for run in found}
    missing = [task for task in wanted if task.key not in keys]
    each = {name: seconds(recipe, len(data.train), known) for name, recipe in rows.items()}
    line = "{:30} {:>12} {:>12} {:>12}".format
    lines = [line("row", "found", "to make", "time")]
    for name, recipe in rows.items():
        new = [task.seed for task in missing if task.recipe == recipe]
        time = _clock(len(new) * each[name]) if new else ""
        lines.append(line(name, format_seeds({*seeds} - {*new}), format_seeds(new), time).rstrip())
    lines.append(f"{len(wanted)} runs: {len(wanted) - len(missing)} found, {len(missing)} to make")
    if not missing:
        return [*lines, "nothing left to do"]
    times = [each[task.name] for task in missing]
    return [*lines, f"time {_clock(max(sum(times) / workers, *times))}, {workers} at a time"]


def seconds(recipe: Recipe, n_train: int, known: Iterable[runs.Run]) -> float:
    """Seconds that one run will take on one core; nan where nothing is known.

    The median pace of the known runs of the same recipe, lacking them of the same model. A run's
    pace is that of its median epoch, in which a machine that slept has no part.
    """
    known = [run for run in known if run.device == "cpu"]
    same = [run for run in known if replace(run.recipe, epochs=recipe.epochs) == recipe]
    alike = same or [run for run in known if run.recipe.model == recipe.model]
    paces = [median(run.history["seconds"]) / run.dataset["n_train"] for run in alike]
    return median(paces) * recipe.epochs * n_train if paces else nan


def _clock(seconds: float) -> str:
    return "unknown" if isnan(seconds) else tqdm.format_interval(seconds)
