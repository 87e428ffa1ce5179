"""What `python -m mnistlib study` does."""

import re
import signal
import sys
import threading
import warnings
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median

from tqdm import tqdm

from mnistlib import base, runs
from mnistlib.base import UserError, expect_writable, own_output, pick
from mnistlib.config import ROWS, Recipe
from mnistlib.dataset import DigitData, load
from mnistlib.study import StudyError, on_ctrl_c, study

USUAL_PACE = 1e-4  # seconds for an image, where no record tells


def command(options: Namespace) -> int:
    """Make the missing runs; or only say how many there are and how long they take.

    `options` as in __main__.py; a UserError says which of them makes no sense. Returns 0, 1 where
    runs failed, 130 after Ctrl-C.
    """
    changes = {} if options.epochs is None else {"epochs": options.epochs}
    names = [pick("row", name, ROWS) for name in options.only or ROWS]
    rows = {name: replace(ROWS[name], **changes) for name in names}
    seeds = parse_seeds(options.seeds)
    if options.out and not options.dry_run:
        expect_writable(options.out)
    data = load(options.data)
    # only the study itself goes into the records behind the report: no trial, no other digits
    usual = base.RUNS if data.name == "MNIST" and not changes else base.OUT / "runs"
    folder = own_output(options.out or usual, data, parts=())
    if options.dry_run:
        return dry_run(rows, seeds, data, folder)
    where = {name: getattr(options, name) for name in ("jobs", "backend", "scheduler")}
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


def parse_seeds(text: str) -> range:
    """The seeds that "0-9" or "7" stands for; UserError for anything else."""
    match = re.fullmatch("([0-9]{1,4})(?:-([0-9]{1,4}))?", text)
    seeds = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
    if not seeds:
        raise UserError(f"seeds {text!r} are no range; give one such as 0-9, or one seed")
    return seeds


def dry_run(rows: Mapping[str, Recipe], seeds: range, data: DigitData, folder: Path) -> int:
    """Print how many runs of each row are in `folder`, how many are missing, and their time."""
    found, known = ({run.key: run for run in runs.load_all(at)} for at in (folder, base.RUNS))
    seconds = 0.0
    for name, recipe in rows.items():
        keys = {runs.key(recipe, seed, data.fingerprint) for seed in seeds}
        missing = len(keys - found.keys())
        print(f"{name:30} {len(keys) - missing:4} found {missing:4} to make")
        alike = [r for r in {**known, **found}.values() if r.recipe.model == recipe.model]
        # the median epoch: a machine that slept has no part in it
        paces = [median(run.history["seconds"]) / run.dataset["n_train"] for run in alike]
        seconds += missing * recipe.epochs * len(data.train) * median(paces or [USUAL_PACE])
    print(f"time: about {tqdm.format_interval(seconds)} of one core")
    return 0
