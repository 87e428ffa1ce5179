"""Which recipes are better than a baseline, by one rule, and the headline table of the models.

Runs are paired by seed: it gives both the same order of images, and what a lucky seed gives to both
drops out of their difference. Differences are counted in whole test images.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu
from statsmodels.stats.multitest import multipletests

from mnistlib import counting, stats
from mnistlib.base import DataError, UserError, pick
from mnistlib.config import ORDER, RECIPES, ROWS, TITLES, WITHOUT, Recipe, named, row_name
from mnistlib.runs import Run, expect_comparable

ALPHA, MARGIN = 0.05, 0.0005  # of p-values; of accuracy, within which rows are equivalent
VERDICTS = ("helps", "hurts", "equivalent", "not shown")
RULE = """
A row and what it is compared with are paired by seed. The outcome is the test accuracy after the
last epoch, the test a two-sided sign-flip test, its p-value corrected by Holm over the family.

- *helps*: better on average, p below 0.05
- *hurts*: worse on average, p below 0.05
- *equivalent*: neither, and the 90 % interval of the difference, which is not corrected, within
  ±0.05 points (five images)
- *not shown*: none of these
"""
ENOUGH_SEEDS = 3  # fewer say too little about their spread: then the headline shows the first one
LATE = 5  # epochs, whose mean is the second outcome

# Test images whose label fewer than three of five raters gave. Source: Northcutt, Athalye, Mueller,
# "Pervasive label errors in test sets destabilize machine learning benchmarks", NeurIPS 2021.
DISPUTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)

ALONE = [*(f"lenet5 + {name}" for name in ORDER), "lenet5_reg"]  # with lenet5
WITHIN = [*(f"lenet5_reg - {name}" for name in WITHOUT), "lenet5_reg + dropout"]  # with lenet5_reg
COMBINED = [*(f"lenet5 + {name}" for name in ORDER if name in WITHOUT), "lenet5 + affine+elastic"]


def label(row: str) -> str:
    """A row's name for figures and tables, such as "+ dropout" or "all without averaging"."""
    whole = {
        "lenet5": "baseline",
        "lenet5_reg": "all together",
        "mlp": TITLES["mlp"],
        "mlp + all it can take": f"{TITLES['mlp']}, all but batch norm",
    }
    name, _, change = row.partition(" ")
    if row in whole or not change:
        return whole.get(row, row)
    if change.startswith("(epochs="):
        return f"{label(name)}, {change[8:-1]} epochs"
    starts = {"lenet5": "", "lenet5_reg": "all ", "mlp": "MLP "}
    return starts.get(name, f"{TITLES.get(name, name)} ") + change.replace("- ", "without ")


def by_row(runs: Sequence[Run], needed: Iterable[str] = ()) -> dict[str, list[Run]]:
    """The runs of each row of the study, in its order; rows without runs, other runs left out.
    DataError where a row that is `needed` has fewer than three runs."""
    found = {name: [run for run in runs if run.recipe == ROWS[name]] for name in ROWS}
    short = [name for name in needed if len(found[name]) < 3]
    if short:
        what = f"found {len(runs)} runs, but not three of {', '.join(short)}"
        raise DataError(f"{what}; make them with: python -m mnistlib study")
    return {name: those for name, those in found.items() if those}


def compare(runs: Mapping[str, Sequence[Run]] | Iterable[Run], baseline: str) -> pd.DataFrame:
    """Compare every recipe with one of them, in one family: judged()'s table, the baseline first.

    Args:
        runs: by name; or in a list, where each is called after its recipe, whatever its epochs.
        baseline: the name that all others are compared with.

    UserError where there is no such baseline, fewer than 2 seeds are shared, two runs have one
    seed, or runs differ in digits or epochs.
    """
    rows = runs if isinstance(runs, Mapping) else _grouped(runs)
    pick("baseline", baseline, rows)
    expect_comparable(rows)
    return judged(rows, dict.fromkeys([baseline, *rows], baseline))


def judged(
    rows: Mapping[str, Sequence[Run]],
    against: Mapping[str, str],
    without: Iterable[int] = (),
    spoilt: Mapping[str, bool] | None = None,
) -> pd.DataFrame:
    """One row for each of a family, by RULE; one that is compared with itself is a baseline.

    Columns: against (a name), seeds (shared); error (mean test error, fraction), error_low,
    error_high (Student's, over seeds); difference (mean paired difference of accuracy, fraction),
    low, high (what the sign-flip test does not refuse, over seeds), both_low, both_high (over seeds
    and digits); p, p_holm; better (share of pairs of any two seeds in which this row reads more;
    ties count half); detectable (see stats; at 5 % over the number of comparisons); verdict; late,
    late_p (of the mean of the last LATE epochs' accuracies). Intervals are 95 %, not corrected.

    Args:
        rows: runs by name.
        against: by name, what each row is compared with.
        without: test images to leave out, by index.
        spoilt: leave out the seed that adds most to a row's difference (True), or takes most.
    """
    names = {*against, *against.values()}
    right = {name: _right(name, rows[name], list(without)) for name in names}
    compared = [name for name, other in against.items() if name != other]
    alpha = ALPHA / max(1, len(compared))
    lines = {}
    for x, y in against.items():
        line = _line(x, right[x], right[y], (spoilt or {}).get(x), alpha)
        lines[x] = {"against": y, **line, **_late(rows[x], rows[y])}
    frame = pd.DataFrame.from_dict(lines, orient="index")
    itself = ~frame.index.isin(compared)
    frame.loc[itself, ["p", "p_holm", "late_p"]] = np.nan
    for column in ("p_holm", "late_p") if compared else ():
        frame.loc[~itself, column] = multipletests(frame.loc[~itself, column], method="holm")[1]
    shown, better = frame["p_holm"] < ALPHA, frame["difference"] > 0
    cases = [itself, shown & better, shown, frame.pop("equivalent")]
    frame["verdict"] = np.select(cases, ["baseline", *VERDICTS[:-1]], VERDICTS[-1])
    return frame


def _grouped(runs: Iterable[Run]) -> dict[str, list[Run]]:
    rows: dict[str, list[Run]] = {}
    for run in runs:
        rows.setdefault(row_name(replace(run.recipe, epochs=Recipe().epochs)), []).append(run)
    return rows


def _right(name: str, runs: Sequence[Run], without: list[int]) -> pd.DataFrame:
    """Whether each test image (column) was read right, by 0 and 1, from each seed (row)."""
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        found = f"found {len(seeds)} runs of {len(set(seeds))} seeds"
        raise UserError(f"{name}: {found}; give one a seed")
    right = np.array([np.delete(run.correct, without) for run in runs], np.int8)
    return pd.DataFrame(right, seeds)


def _line(
    name: str, one: pd.DataFrame, other: pd.DataFrame, spoilt: bool | None, alpha: float
) -> dict:
    seeds = one.index.intersection(other.index).sort_values()
    if len(seeds) < 2:
        found = f"found {len(seeds)} seeds shared with what it is compared with"
        raise UserError(f"{name}: {found}; train 2 or more")
    one, other = one.loc[seeds], other.loc[seeds]
    if spoilt is not None:
        gains = one.sum(axis=1) - other.sum(axis=1)
        seed = gains.idxmax() if spoilt == (gains.sum() > 0) else gains.idxmin()
        one, other = one.drop(seed), other.drop(seed)
    a, b, images = one.sum(axis=1).to_numpy(), other.sum(axis=1).to_numpy(), one.shape[1]
    error, gain = stats.mean_interval(1 - a / images), stats.sign_flip_interval(a - b)
    both, near = stats.two_way((one - other).to_numpy()), stats.sign_flip_interval(a - b, 0.9)
    p = stats.sign_flip(a - b)
    return {
        "seeds": len(a),
        "error": float((1 - a / images).mean()),
        "error_low": error.low,
        "error_high": error.high,
        "difference": float((a - b).mean() / images),
        "low": gain.low / images,
        "high": gain.high / images,
        "both_low": both.low,
        "both_high": both.high,
        "p": p,
        "p_holm": p,  # corrected by judged()
        # Mann and Whitney's U as a share (Vargha and Delaney, J. Educ. Behav. Stat. 25, 2000)
        "better": float(mannwhitneyu(a, b).statistic / len(a) ** 2),
        "detectable": stats.detectable((a - b) / images, len(a), alpha),
        "equivalent": max(-near.low, near.high) / images < MARGIN,
    }


def _late(one: Sequence[Run], other: Sequence[Run]) -> dict:
    ones, others = (
        pd.DataFrame({run.seed: run.history["test_accuracy"][-LATE:] for run in runs})
        for runs in (one, other)
    )
    gains = (ones - others).dropna(axis=1)  # [epochs, shared seeds]
    images = np.rint(gains.sum() * len(one[0].predictions)).astype(int)
    return {"late": gains.mean(axis=None), "late_p": stats.sign_flip(images)}


def replaced(rows: Mapping[str, Sequence[Run]], whole: str, parts: Iterable[str]) -> pd.DataFrame:
    """What replacing each part of `whole` changes, where rows are called "whole + part".

    Index: parts; columns: error (mean test error), difference (of errors, mean, paired by seed),
    low, high (Student's 95 % interval, over seeds, not corrected), all fractions, and seeds.
    """
    errors = pd.DataFrame({x: {r.seed: 1 - r.accuracy for r in of} for x, of in rows.items()})
    lines = {}
    for part in parts:
        change = (errors[f"{whole} + {part}"] - errors[whole]).dropna()
        line = {"error": errors[f"{whole} + {part}"].mean(), "difference": change.mean()}
        lines[part] = line | stats.mean_interval(change)._asdict() | {"seeds": len(change)}
    return pd.DataFrame.from_dict(lines, orient="index")


def surplus(rows: Mapping[str, Sequence[Run]], whole: str, parts: Iterable[str], base: str) -> dict:
    """What `whole` gains over `base`, less the sum of what `parts` gain, paired by seed.

    Keys: whole, sum, difference (means over those seeds that all have, accuracy as a fraction),
    low, high (of the difference: 95 %, over seeds), seeds.
    """
    names = [whole, base, *parts]
    right = {name: {run.seed: int(run.correct.sum()) for run in rows[name]} for name in names}
    gains = pd.DataFrame(right).dropna().astype(int)  # [seeds, rows]
    gains = gains.sub(gains[base], axis=0)
    total = gains[[*parts]].sum(axis=1)
    left = gains[whole] - total
    found = {"whole": gains[whole].mean(), "sum": total.mean(), "difference": left.mean()}
    found |= stats.sign_flip_interval(left)._asdict()  # all in images
    images = len(rows[base][0].predictions)
    return {name: value / images for name, value in found.items()} | {"seeds": len(left)}


def headline(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a model, in the order of config.RECIPES, for the recipes there that have runs.

    Columns: model, title, parameters, epochs, n_test, accuracy (mean over seeds, fraction), low,
    high (95 % interval: Student's over seeds, or Wilson's over test images) and over, what it
    is over: such as "5 seeds" or "10,000 test images". UserError where runs of one model differ in
    epochs or digits: no mean is taken over them.
    """
    names = {recipe: name for name, recipe in ROWS.items()}  # those of 90 epochs are others
    called = [names.get(run.recipe, named(run.recipe)) for run in runs]
    rows = {n: [run for run, name in zip(runs, called, strict=True) if name == n] for n in RECIPES}
    return pd.DataFrame([_headline(name, those) for name, those in rows.items() if those])


def _headline(model: str, runs: list[Run]) -> dict:
    expect_comparable({model: runs})
    accuracies, n = [run.accuracy for run in runs], len(runs[0].predictions)
    interval, over = stats.wilson(int(runs[0].correct.sum()), n), f"{n:,} test images"
    if len(runs) < ENOUGH_SEEDS:
        accuracies = accuracies[:1]
    else:
        interval, over = stats.mean_interval(accuracies), f"{len(runs)} seeds"
    parameters = sum(layer.parameters for layer in counting.derive(model))
    line = {"model": model, "title": TITLES[model], "parameters": parameters, "n_test": n}
    line |= {"epochs": runs[0].recipe.epochs, "accuracy": float(np.mean(accuracies)), "over": over}
    return line | interval._asdict()


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """headline() as people read it: percentages, thousands with commas, one row a model."""
    low, high = (100 * frame[end] for end in ("low", "high"))
    table = {
        "test accuracy": (100 * frame["accuracy"]).map("{:.2f} %".format),
        "95 % interval": low.map("{:.2f} to ".format) + high.map("{:.2f} %".format),
        "over": frame["over"],
        "parameters": frame["parameters"].map("{:,}".format),
        "epochs": frame["epochs"],
    }
    return pd.DataFrame(table).set_axis(pd.Index(frame["title"], name="model"))
