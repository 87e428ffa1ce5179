"""The report's central table: what each model reached, and how sure that is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnistlib import counting, stats
from mnistlib.config import RECIPES, TITLES, named
from mnistlib.runs import Run, expect_comparable

if TYPE_CHECKING:
    import pandas as pd

ENOUGH_SEEDS = 3  # fewer say too little about their spread: then only the first one is shown


def headline(runs: Sequence[Run]) -> "pd.DataFrame":
    """One row a model, in the order of config.RECIPES, for the recipes there that have runs.

    Columns: model, title, parameters, epochs, seeds, n_test, accuracy (mean over seeds, fraction),
    low, high (95 % interval: BCa bootstrap over seeds, or Wilson's over test images), over ("seeds"
    or "test images") and seconds (median an epoch).

    Raises:
        UserError: runs of one model differ in epochs or digits; no mean is taken over them.
    """
    import pandas as pd

    found = {name: [run for run in runs if named(run.recipe) == name] for name in RECIPES}
    return pd.DataFrame([_row(name, those) for name, those in found.items() if those])


def _row(name: str, runs: list[Run]) -> dict:
    runs = runs if len(runs) >= ENOUGH_SEEDS else runs[:1]
    expect_comparable({name: runs})
    accuracies = [run.accuracy for run in runs]
    interval, over = _interval(runs[0], accuracies)
    seconds = [second for run in runs for second in run.history["seconds"]]
    return {
        "model": name,
        "title": TITLES[name],
        "parameters": sum(layer.parameters for layer in counting.derive(name)),
        "epochs": runs[0].recipe.epochs,
        "seeds": len(runs),
        "n_test": runs[0].dataset["n_test"],
        "accuracy": float(np.mean(accuracies)),
        "low": interval.low,
        "high": interval.high,
        "over": over,
        "seconds": float(np.median(seconds)),
    }


def _interval(run: Run, accuracies: list[float]) -> tuple[stats.Interval, str]:
    if len(accuracies) > 1:
        return stats.bootstrap_mean(accuracies, np.random.default_rng(0)), "seeds"
    return stats.wilson(int(run.correct.sum()), len(run.predictions)), "test images"


def words(row: object) -> str:
    """A row of the table as one phrase, such as "99.02 % (98.98 to 99.06 over 5 seeds)"."""
    n = f"{row.seeds} seeds" if row.over == "seeds" else f"{row.n_test:,} test images"
    low, high = 100 * row.low, 100 * row.high
    return f"{100 * row.accuracy:.2f} % (95 % interval {low:.2f} to {high:.2f}, over {n})"


def readable(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The table as people read it: percentages, thousands with commas, one row a model."""
    import pandas as pd

    percent = [f"{100 * value:.2f} %" for value in frame["accuracy"]]
    ends = zip(frame["low"], frame["high"], strict=True)
    over = zip(frame["over"], frame["seeds"], frame["n_test"], strict=True)
    return pd.DataFrame(
        {
            "test accuracy": percent,
            "95 % interval": [f"{100 * low:.2f} to {100 * high:.2f} %" for low, high in ends],
            "over": [f"{seeds} seeds" if o == "seeds" else f"{n:,} images" for o, seeds, n in over],
            "parameters": [f"{count:,}" for count in frame["parameters"]],
            "epochs": list(frame["epochs"]),
        },
        index=pd.Index(frame["title"], name="model"),
    )
