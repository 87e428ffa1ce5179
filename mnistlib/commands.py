"""What `python -m mnistlib train` and `study` do; their options are told of in __main__.py."""

import re
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from tqdm import tqdm

from mnistlib import base, plan, runs
from mnistlib.base import UserError, expect_writable, own_output, pick, within
from mnistlib.config import ROWS, TITLES, Recipe, recipe
from mnistlib.dataset import DigitData, load
from mnistlib.stats import wilson
from mnistlib.study import study
from mnistlib.train import fit, initial, pick_device

USUAL_PACE = 1e-4  # seconds for an image, where no record tells


def train_one(options: Namespace) -> None:
    """Train, print a line per epoch, and write record and weights below `options.out`.

    A run that was stopped goes on from its last finished epoch. UserError where an option makes no
    sense, or `out` is where git keeps results on MNIST.
    """
    within("seed", options.seed, 0, 2**32 - 1)  # before the digits: mistakes answer at once
    pick_device(options.device)
    chosen, out = recipe(options.model, **_changes(options)), expect_writable(options.out)
    data = load(options.data)
    own_output(out, data)
    print(f"{TITLES[chosen.model]} on {data.name}: {len(data.train):,} training images")
    aside = runs.unfinished(out / "runs", runs.key(chosen, options.seed, data.fingerprint))
    if aside.exists():
        print(f"going on from {aside}")
    model = initial(chosen, options.seed)
    how = {"on_epoch": _print_epoch, "progress": sys.stderr.isatty(), "device": options.device}
    run = fit(chosen, data, options.seed, model=model, checkpoint=aside, **how)
    record = runs.save(run, out / "runs")
    stem = f"{record.parent.name}-{record.stem}"
    weights = runs.save_weights(model, run, out / "weights" / f"{stem}.safetensors")
    aside.unlink(missing_ok=True)  # the record is safe
    low, high = wilson(int(run.correct.sum()), len(data.test))
    interval = f"95 % interval {low:.2%} to {high:.2%} over {len(data.test):,} test images"
    print(f"test accuracy after epoch {chosen.epochs}: {run.accuracy:.2%}, {interval}")
    for path in (record, weights):
        print(f"wrote {path}")


def _changes(options: Namespace) -> dict[str, int]:
    return {} if options.epochs is None else {"epochs": options.epochs}


def _print_epoch(number: int, values: dict) -> None:
    tqdm.write(
        f"epoch {number:3d}  "
        f"train loss {values['train_loss']:.4f} accuracy {values['train_accuracy']:.2%}  "
        f"test loss {values['test_loss']:.4f} accuracy {values['test_accuracy']:.2%}  "
        f"{values['seconds']:.1f} s"
    )


def make_study(options: Namespace) -> None:
    """Make the runs that are missing; or only say how many there are and how long they take.

    Those of the plans in data, unless rows, seeds or epochs are given. UserError where an option
    makes no sense; StudyError where runs failed.
    """
    stages = _stages(options)
    if options.out and not options.dry_run:
        expect_writable(options.out)
    data = load(options.data)
    # only the study itself goes into the records behind the report: no trial, no other digits
    usual = base.RUNS if data.name == "MNIST" and not options.epochs else base.OUT / "runs"
    folder = own_output(options.out or usual, data)
    if options.dry_run:
        dry_run(stages, data, folder)
        return
    signal.signal(signal.SIGINT, _stop_quietly)
    where = {name: getattr(options, name) for name in ("jobs", "scheduler")}
    for rows, seeds in stages:
        study(rows.values(), seeds, data, folder, **where)


def _stages(options: Namespace) -> list[tuple[dict[str, Recipe], range]]:
    """Rows by name and their seeds, in the order in which they are made."""
    changes = _changes(options)
    stages = plan.stages()
    if options.only or options.seeds or changes:
        usual = [name for name in ROWS if "(epochs=" not in name and "1998" not in name]
        stages = [(options.only or usual, parse_seeds(options.seeds or "0-9"))]
    return [
        ({pick("row", name, ROWS): replace(ROWS[name], **changes) for name in names}, seeds)
        for names, seeds in stages
    ]


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


def dry_run(stages: Sequence[tuple[dict, range]], data: DigitData, folder: Path) -> None:
    """Print how many runs of each row are in `folder`, how many are missing, and their time; of
    the whole plan also what it has judged."""
    found, known = ({run.key: run for run in runs.load_all(at)} for at in (folder, base.RUNS))
    seconds = 0.0
    for rows, seeds in stages:
        print(f"seeds {seeds[0]} to {seeds[-1]}:")
        for name, row in rows.items():
            keys = {runs.key(row, seed, data.fingerprint) for seed in seeds}
            missing = len(keys - found.keys())
            print(f"  {name:30} {len(keys) - missing:4} found {missing:4} to make")
            alike = [r for r in {**known, **found}.values() if r.recipe.model == row.model]
            # the median epoch: a machine that slept has no part in it
            paces = [median(run.history["seconds"]) / run.dataset["n_train"] for run in alike]
            seconds += missing * row.epochs * len(data.train) * median(paces or [USUAL_PACE])
    print(f"time: about {tqdm.format_interval(seconds)} of one core")
    if len(stages) > 1:  # those of the plan
        print(plan.standing([*found.values()]))
