"""Which recipes are better than a baseline, by one rule, and the headline table of the models.

Runs are paired by seed: it gives both the same order of images, and what a lucky seed gives to both
drops out of their difference. Differences are counted in whole test images.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import count

import numpy as np
import pandas as pd

from mnistlib import counting, stats
from mnistlib.base import DataError, UserError, pick
from mnistlib.config import ORDER, RECIPES, ROWS, TITLES, WITHOUT, Recipe, named, row_name
from mnistlib.runs import Run, expect_comparable

ALPHA = 0.05
VERDICTS = ("helps", "hurts", "no evidence")
RULE = (
    "A recipe *helps* if its test accuracy, paired with the baseline's by seed, is higher on "
    "average and the two-sided sign-flip p-value, corrected by Holm over all rows that are "
    "compared with that baseline, is below 0.05; it *hurts* if it is lower on average with such a "
    "p-value; otherwise there is *no evidence*. The last epoch counts, and every seed that both "
    "have."
)
ENOUGH_SEEDS = 3  # fewer say too little about their spread: then the headline shows the first one

# Test images whose labels raters dispute.
DISPUTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)

ALONE = [*(f"lenet5 + {name}" for name in ORDER), "lenet5_reg"]  # with lenet5
WITHIN = [name for name in ROWS if name.startswith("lenet5_reg ")]  # compared with lenet5_reg
BOTH_WAYS: dict[str, tuple[str, str]] = {  # by technique: its row alone, its row within all
    **{n: (f"lenet5 + {n}", f"lenet5_reg - {n}") for n in ORDER if n in WITHOUT},
    "affine+elastic": ("lenet5 + affine+elastic", "lenet5_reg - augmentation"),
    "dropout": ("lenet5 + dropout", "lenet5_reg + dropout"),
}


def label(row: str) -> str:
    """A row's name for figures and tables, such as "+ dropout" or "all − averaging"."""
    names = {"lenet5": "baseline", "lenet5_reg": "all together", "mlp": TITLES["mlp"]}
    short = row.removeprefix("lenet5 ").replace("lenet5_reg ", "all ").replace(" - ", " − ")
    return names.get(row, short)


def by_row(runs: Sequence[Run], needed: Iterable[str] = ()) -> dict[str, list[Run]]:
    """The runs of each row of the study, in its order; rows without runs, other runs left out.

    Raises:
        DataError: a row that is `needed` has fewer than two runs.
    """
    found = {name: [run for run in runs if run.recipe == ROWS[name]] for name in ROWS}
    short = [name for name in needed if len(found[name]) < 2]
    if short:
        what = f"found {len(runs)} runs, but not two of {', '.join(short)}"
        raise DataError(f"{what}; make them with: python -m mnistlib study")
    return {name: those for name, those in found.items() if those}


def compare(
    runs: Mapping[str, Sequence[Run]] | Iterable[Run],
    baseline: str,
    rng: np.random.Generator | int = 0,
    without: Iterable[int] = (),
) -> pd.DataFrame:
    """One row a recipe, the baseline first, by RULE; index: the rows' names.

    Columns: seeds (those shared with the baseline), error (mean test error, fraction), error_low,
    error_high (95 % BCa interval over seeds), difference (mean paired difference of accuracy,
    fraction), low, high (its 95 % BCa interval), p, p_holm, better (probability of being better),
    verdict, seconds (the fastest epoch), cost (seconds over the baseline's).

    Args:
        runs: by name; or in a list, where each is called after its recipe, whatever its epochs.
        baseline: the name that all others are compared with.
        rng: for the bootstrap; left as it is.
        without: test images to leave out, by index.

    Raises:
        UserError: no such baseline, fewer than 2 shared seeds, two runs of one seed, or runs of
            different digits or epochs.
    """
    rows = runs if isinstance(runs, Mapping) else _grouped(runs)
    pick("baseline", baseline, rows)
    expect_comparable(rows)
    right = {name: _right(name, those, list(without)) for name, those in rows.items()}
    images = len(rows[baseline][0].predictions) - len(set(without))
    others = [name for name in rows if name != baseline]
    lines = {n: _line(right[n], right[baseline], images, rng) for n in (baseline, *others)}
    frame = pd.DataFrame.from_dict(lines, orient="index")
    frame.loc[others, "p_holm"] = stats.holm(frame.loc[others, "p"].astype(float))
    frame["verdict"] = [_verdict(row) for row in frame.itertuples()]
    # the fastest epoch: whatever else the machine did can only have added to the others
    frame["seconds"] = [min(min(r.history["seconds"]) for r in rows[name]) for name in frame.index]
    frame["cost"] = frame["seconds"] / frame.loc[baseline, "seconds"]
    return frame


def _grouped(runs: Iterable[Run]) -> dict[str, list[Run]]:
    rows: dict[str, list[Run]] = {}
    for run in runs:
        rows.setdefault(row_name(replace(run.recipe, epochs=Recipe().epochs)), []).append(run)
    return rows


def _right(name: str, runs: Sequence[Run], without: list[int]) -> pd.Series:
    """How many test images each seed reads right after the last epoch; index: seeds."""
    found = pd.Series({run.seed: int(np.delete(run.correct, without).sum()) for run in runs})
    if len(found) < len(runs):
        raise UserError(f"{name}: found {len(runs)} runs of {len(found)} seeds; give one a seed")
    return found


def _line(right: pd.Series, base: pd.Series, images: int, rng) -> dict:
    seeds = right.index.intersection(base.index).sort_values()
    a, b = (values[seeds].to_numpy() for values in (right, base))
    # each interval from the same draws: equal data have equal intervals, whatever stands beside
    mean = stats.bootstrap_mean(a / images, deepcopy(rng))
    line = {"seeds": len(seeds), "error": float((1 - a / images).mean())}
    line |= {"error_low": 1 - mean.high, "error_high": 1 - mean.low, "difference": 0.0}
    line |= {"low": 0.0, "high": 0.0, "p": np.nan, "p_holm": np.nan, "better": 0.5}
    if right is base:
        return line
    gains = a / images - b / images
    low, high = stats.bootstrap_mean(gains, deepcopy(rng))
    line |= {"difference": float(gains.mean()), "low": low, "high": high}
    return line | {"p": stats.sign_flip(a - b), "better": stats.probability_of_better(a, b)}


def _verdict(row: object) -> str:
    if np.isnan(row.p):
        return "baseline"
    if not row.p_holm < ALPHA:
        return "no evidence"
    return "helps" if row.difference > 0 else "hurts"


def which(frame: pd.DataFrame, verdict: str) -> str:
    """The rows of compare's frame that have a verdict, in a sentence: "a, b and c" or "none"."""
    names = list(frame.index[frame["verdict"] == verdict])
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "none"


def both_ways(
    alone: pd.DataFrame, within: pd.DataFrame, pairs: Mapping[str, tuple[str, str]]
) -> pd.DataFrame:
    """What each technique adds to the baseline, and what it adds to all the others together.

    Columns: alone, alone_low, alone_high, within, within_low, within_high; differences of accuracy
    as fractions, with their intervals. Index: the techniques.

    Args:
        alone, within: as from compare, with the baseline and with all together as baseline.
        pairs: by technique, its row in `alone` and its row in `within`. A row there whose name has
            " - " is one without the technique, and its difference counts with the other sign.
    """
    lines = {}
    for technique, (added, other) in pairs.items():
        one, two = alone.loc[added], within.loc[other]
        found = [one.difference, one.low, one.high, two.difference, two.low, two.high]
        if " - " in other:
            found[3:] = [-two.difference, -two.high, -two.low]
        lines[technique] = found
    columns = ["alone", "alone_low", "alone_high", "within", "within_low", "within_high"]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns)


def seeds_needed(rows: int) -> int:
    """The least number of pairs from which a family of `rows` comparisons can have any verdict."""
    return next(n for n in count(1) if stats.least_p(n) * rows < ALPHA)


def undecided(frame: pd.DataFrame) -> str:
    """Says which seeds compare's rows (without the baseline) lack for any verdict; "" if none."""
    least, needed = int(frame["seeds"].min()), seeds_needed(len(frame))
    return f"no verdict yet, from {least} of {needed} seeds needed" if least < needed else ""


def headline(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a model, in the order of config.RECIPES, for the recipes there that have runs.

    Columns: model, title, parameters, epochs, seeds, n_test, accuracy (mean over seeds, fraction),
    low, high (95 % interval: BCa bootstrap over seeds, or Wilson's over test images), over ("seeds"
    or "test images") and seconds (median an epoch).

    Raises:
        UserError: runs of one model differ in epochs or digits; no mean is taken over them.
    """
    found = {name: [run for run in runs if named(run.recipe) == name] for name in RECIPES}
    return pd.DataFrame([_headline(name, those) for name, those in found.items() if those])


def _headline(name: str, runs: list[Run]) -> dict:
    runs = runs if len(runs) >= ENOUGH_SEEDS else runs[:1]
    expect_comparable({name: runs})
    accuracies = [run.accuracy for run in runs]
    one, n = runs[0], len(runs[0].predictions)
    if len(runs) > 1:
        interval = stats.bootstrap_mean(accuracies, 0)
    else:
        interval = stats.wilson(int(one.correct.sum()), n)
    return {
        "model": name,
        "title": TITLES[name],
        "parameters": sum(layer.parameters for layer in counting.derive(name)),
        "epochs": one.recipe.epochs,
        "seeds": len(runs),
        "n_test": n,
        "accuracy": float(np.mean(accuracies)),
        **interval._asdict(),
        "over": "seeds" if len(runs) > 1 else "test images",
        "seconds": float(np.median([run.history["seconds"] for run in runs])),
    }


def words(row: object) -> str:
    """A row of headline() as one phrase, such as "99.02 % (98.98 to 99.06 over 5 seeds)"."""
    n = f"{row.seeds} seeds" if row.over == "seeds" else f"{row.n_test:,} test images"
    low, high = 100 * row.low, 100 * row.high
    return f"{100 * row.accuracy:.2f} % (95 % interval {low:.2f} to {high:.2f}, over {n})"


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """headline() as people read it: percentages, thousands with commas, one row a model."""
    rows = list(frame.itertuples())
    over = [f"{r.seeds} seeds" if r.over == "seeds" else f"{r.n_test:,} images" for r in rows]
    return pd.DataFrame(
        {
            "test accuracy": [f"{100 * row.accuracy:.2f} %" for row in rows],
            "95 % interval": [f"{100 * row.low:.2f} to {100 * row.high:.2f} %" for row in rows],
            "over": over,
            "parameters": [f"{row.parameters:,}" for row in rows],
            "epochs": list(frame["epochs"]),
        },
        index=pd.Index(frame["title"], name="model"),
    )
