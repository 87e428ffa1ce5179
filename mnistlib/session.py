"""One training session for a person: a line an epoch, then record, weights and curves."""

import sys
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
from tqdm import tqdm

from mnistlib import plots, runs
from mnistlib.base import expect_writable, own_output, write_bytes
from mnistlib.config import TITLES, Recipe
from mnistlib.dataset import load
from mnistlib.stats import wilson
from mnistlib.train import fit, initial, pick_device


def train_and_save(
    recipe: Recipe, seed: int, data_dir: str | None, out: Path, device: str, threads: int
) -> runs.Run:
    """Train, print a line per epoch, and write record, weights and the four curves below `out`.

    A run that was stopped goes on from its last finished epoch.

    Raises:
        UserError: the digits are not MNIST, and `out` is where git keeps results on MNIST, or
            cannot be written to; or the device is not there.
    """
    pick_device(device)  # before the digits: a mistake answers at once
    expect_writable(out)
    data = load(data_dir)
    own_output(out, data)
    print(f"{TITLES[recipe.model]} on {data.name}: {len(data.train):,} training images")
    model = initial(recipe, seed)
    aside = runs.unfinished(out / "runs", runs.key(recipe, seed, data.fingerprint))
    if aside.exists():
        print(f"going on from {aside}")
    how = {"device": device, "threads": threads, "progress": sys.stderr.isatty()}
    run = fit(recipe, data, seed, model=model, on_epoch=_print_epoch, checkpoint=aside, **how)
    record = runs.save(run, out / "runs")
    stem = f"{record.parent.name}-{record.stem}"
    weights = runs.save_weights(model, run, out / "weights" / f"{stem}.safetensors")
    aside.unlink(missing_ok=True)  # the record is safe
    curves = write_bytes(out / "figures" / f"{stem}_curves.png", _curves(run))
    low, high = wilson(int(run.correct.sum()), len(data.test))
    print(
        f"test accuracy after epoch {recipe.epochs}: {run.accuracy:.2%}, "
        f"95 % interval {low:.2%} to {high:.2%} over {len(data.test):,} test images"
    )
    for path in (record, weights, curves):
        print(f"wrote {path}")
    return run


def _print_epoch(number: int, values: dict) -> None:
    tqdm.write(
        f"epoch {number:3d}  "
        f"train loss {values['train_loss']:.4f} accuracy {values['train_accuracy']:.2%}  "
        f"test loss {values['test_loss']:.4f} accuracy {values['test_accuracy']:.2%}  "
        f"{values['seconds']:.1f} s"
    )


def _curves(run: runs.Run) -> bytes:
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    plots.learning_curves(run.history, axes, run.recipe.model)
    words = f"{TITLES[run.recipe.model]}, seed {run.seed}, {run.dataset['name']}"
    figure.suptitle(words, parse_math=False)  # the digits' name may hold dollar signs
    image = BytesIO()
    figure.savefig(image, format="png")
    plt.close(figure)
    return image.getvalue()
