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
RULE = (
    "A recipe *helps* if its test accuracy after the last epoch, paired by seed with that of what "
    "it is compared with, is higher on average and the two-sided sign-flip p-value, corrected by "
    "Holm over its family, is below 0.05; it *hurts* if it is lower with such a p-value; otherwise "
    "that is *not shown*, and where the 90 % interval of the difference lies within ±0.05 points, "
    "the two are *equivalent*."
)
ENOUGH_SEEDS = 3  # fewer say too little about their spread: then the headline shows the first one
LATE = 5  # epochs, whose mean is the second outcome

# Test images whose label fewer than three of five raters gave. Source: Northcutt, Athalye, Mueller,
# "Pervasive label errors in test sets destabilize machine learning benchmarks", NeurIPS 2021.
DISPUTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)

ALONE = [*(f"lenet5 + {name}" for name in ORDER), "lenet5_reg"]  # with lenet5
WITHIN = [*(f"lenet5_reg - {name}" for name in WITHOUT), "lenet5_reg + dropout"]  # with lenet5_reg
BOTH_WAYS: dict[str, tuple[str, str]] = {  # by technique: its row alone, its row within all
    **{n: (f"lenet5 + {n}", f"lenet5_reg - {n}") for n in ORDER if n in WITHOUT},
    "affine+elastic": ("lenet5 + affine+elastic", "lenet5_reg - augmentation"),
    "dropout": ("lenet5 + dropout", "lenet5_reg + dropout"),
}


def label(row: str) -> str:
    """A row's name for figures and tables, such as "+ dropout" or "all without averaging"."""
    whole = {"lenet5": "baseline", "lenet5_reg": "all together", "mlp": TITLES["mlp"]}
    name, _, change = row.partition(" ")
    if not change:
        return whole.get(row, row)
    if change.startswith("(epochs="):
        return f"{label(name)}, {change[8:-1]} epochs"
    starts = {"lenet5": "", "lenet5_reg": "all ", "mlp": "MLP "}
    return starts.get(name, f"{name} ") + change.replace("- ", "without ")


def by_row(runs: Sequence[Run], needed: Iterable[str] = ()) -> dict[str, list[Run]]:
    """The runs of each row of the study, in its order; rows without runs, other runs left out.

    Raises:
        DataError: a row that is `needed` has fewer than three runs.
    """
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

    Raises:
        UserError: no such baseline, fewer than 2 shared seeds, two runs of one seed, or runs of
            different digits or epochs.
    """
    rows = runs if isinstance(runs, Mapping) else _grouped(runs)
    pick("baseline", baseline, rows)
    expect_comparable(rows)
    return judged(rows, dict.fromkeys([baseline, *rows], baseline))


def judged(
    rows: Mapping[str, Sequence[Run]],
    against: Mapping[str, str],
    without: Iterable[int] = (),
    spoilt: bool = False,
) -> pd.DataFrame:
    """One row for each of a family, by RULE; one that is compared with itself is a baseline.

    Columns: seeds (shared), error (mean test error, fraction), error_low, error_high (Student's
    95 % interval over seeds), difference (mean paired difference of accuracy, fraction), low, high
    (all that its sign-flip test does not refuse at 5 %, over seeds), both_low, both_high (95 % over
    seeds and digits), p, p_holm, better (how often one run reads more than one of the other row,
    from any two seeds), detectable (the smallest difference shown with 80 % power, at 5 % over the
    number of comparisons), verdict. Intervals are not corrected for their number.

    Args:
        rows: runs by name.
        against: by name, what each row is compared with.
        without: test images to leave out, by index.
        spoilt: leave out the seed that favours the row's difference most.
    """
    names = {*against, *against.values()}
    right = {name: _right(name, rows[name], list(without)) for name in names}
    compared = [name for name, other in against.items() if name != other]
    alpha = ALPHA / max(1, len(compared))
    lines = {x: _line(x, right[x], right[y], spoilt, alpha) for x, y in against.items()}
    frame = pd.DataFrame.from_dict(lines, orient="index")
    frame.loc[~frame.index.isin(compared), "p"] = np.nan
    if compared:
        frame.loc[compared, "p_holm"] = multipletests(frame.loc[compared, "p"], method="holm")[1]
    shown, better = frame["p_holm"] < ALPHA, frame["difference"] > 0
    cases = [~frame.index.isin(compared), shown & better, shown, frame.pop("equivalent")]
    frame["verdict"] = np.select(cases, ["baseline", *VERDICTS[:-1]], VERDICTS[-1])
    return frame


def _grouped(runs: Iterable[Run]) -> dict[str, list[Run]]:
    rows: dict[str, list[Run]] = {}
    for run in runs:
        rows.setdefault(row_name(replace(run.recipe, epochs=Recipe().epochs)), []).append(run)
    return rows


def late(rows: Mapping[str, Sequence[Run]], against: Mapping[str, str]) -> pd.DataFrame:
    """The second outcome of a family: the mean of the last LATE epochs' accuracies.

    Columns: late (mean paired difference, fraction), late_p (by sign flips, corrected by Holm).
    """
    totals = {
        name: pd.Series({r.seed: sum(r.history["test_accuracy"][-LATE:]) for r in rows[name]})
        for name in {*against, *against.values()}
    }
    lines = {}
    compared = {name: other for name, other in against.items() if name != other}
    for name, other in compared.items():
        gains = (totals[name] - totals[other]).dropna()
        images = np.rint(gains * len(rows[name][0].predictions)).astype(int)
        lines[name] = [gains.mean() / LATE, stats.sign_flip(images)]
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=["late", "late_p"])
    frame["late_p"] = multipletests(frame["late_p"], method="holm")[1]
    return frame


def _right(name: str, runs: Sequence[Run], without: list[int]) -> pd.DataFrame:
    """Whether each test image (column) was read right, by 0 and 1, from each seed (row)."""
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        found = f"found {len(seeds)} runs of {len(set(seeds))} seeds"
        raise UserError(f"{name}: {found}; give one a seed")
    right = np.array([np.delete(run.correct, without) for run in runs], np.int8)
    return pd.DataFrame(right, seeds)


def _line(name: str, one: pd.DataFrame, other: pd.DataFrame, spoilt: bool, alpha: float) -> dict:
    seeds = one.index.intersection(other.index).sort_values()
    if len(seeds) < 2:
        found = f"found {len(seeds)} seeds shared with what it is compared with"
        raise UserError(f"{name}: {found}; train 2 or more")
    one, other = one.loc[seeds], other.loc[seeds]
    if spoilt:
        gains = one.sum(axis=1) - other.sum(axis=1)
        best = gains.idxmax() if gains.sum() > 0 else gains.idxmin()
        one, other = one.drop(best), other.drop(best)
    a, b, images = one.sum(axis=1).to_numpy(), other.sum(axis=1).to_numpy(), one.shape[1]
    error, gain = stats.mean_interval(1 - a / images), stats.sign_flip_interval(a - b)
    both, near = stats.two_way((one - other).to_numpy()), stats.sign_flip_interval(a - b, 0.9)
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
        "p": stats.sign_flip(a - b),
        "p_holm": np.nan,
        # Mann and Whitney's U as a share (Vargha and Delaney, J. Educ. Behav. Stat. 25, 2000)
        "better": float(mannwhitneyu(a, b).statistic / len(a) ** 2),
        "detectable": stats.detectable((a - b) / images, len(a), alpha),
        "equivalent": max(-near.low, near.high) / images < MARGIN,
    }


def surplus(rows: Mapping[str, Sequence[Run]], whole: str, parts: Iterable[str], base: str) -> dict:
    """What `whole` gains over `base`, less the sum of what `parts` gain, paired by seed.

    Keys: difference (mean, accuracy as a fraction), low, high (95 %, over seeds), seeds.
    """
    right = {
        name: pd.Series({run.seed: int(run.correct.sum()) for run in rows[name]})
        for name in (whole, base, *parts)
    }
    total = sum(right[name] - right[base] for name in parts)
    left = (right[whole] - right[base] - total).dropna().astype(int)
    low, high = stats.sign_flip_interval(left)
    found = {"difference": left.mean(), "low": low, "high": high}  # in images
    images = len(rows[base][0].predictions)
    return {name: value / images for name, value in found.items()} | {"seeds": len(left)}


def which(frame: pd.DataFrame, verdict: str) -> str:
    """The rows of compare's frame that have a verdict, in a sentence: "a, b and c" or "none"."""
    names = list(frame.index[frame["verdict"] == verdict])
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "none"


def both_ways(
    alone: pd.DataFrame, within: pd.DataFrame, pairs: Mapping[str, tuple[str, str]]
) -> pd.DataFrame:
    """What each technique adds to the baseline, and what it adds to all the others together.

    Columns: alone, alone_low, alone_high, within, within_low, within_high; fractions.

    Args:
        alone, within: as from compare.
        pairs: by technique, its row in each; where the second has " - ", it is one without the
            technique, and its difference counts with the other sign.
    """
    lines = {}
    for technique, (added, other) in pairs.items():
        one, two = alone.loc[added], within.loc[other]
        ends = [two.difference, two.low, two.high]
        ends = [-two.difference, -two.high, -two.low] if " - " in other else ends
        lines[technique] = [one.difference, one.low, one.high, *ends]
    names = [f"{what}{end}" for what in ("alone", "within") for end in ("", "_low", "_high")]
    return pd.DataFrame.from_dict(lines, orient="index", columns=names)


def headline(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a model, in the order of config.RECIPES, for the recipes there that have runs.

    Columns: model, title, parameters, epochs, n_test, accuracy (mean over seeds, fraction), low,
    high (95 % interval: Student's over seeds, or Wilson's over test images) and over, what it
    is over: such as "5 seeds" or "10,000 test images".

    Raises:
        UserError: runs of one model differ in epochs or digits; no mean is taken over them.
    """
    found = {name: [run for run in runs if named(run.recipe) == name] for name in RECIPES}
    return pd.DataFrame([_headline(name, those) for name, those in found.items() if those])


def _headline(model: str, runs: list[Run]) -> dict:
    expect_comparable({model: runs})
    one, n = runs[0], len(runs[0].predictions)
    line = {"model": model, "title": TITLES[model], "epochs": one.recipe.epochs, "n_test": n}
    line["parameters"] = sum(layer.parameters for layer in counting.derive(model))
    if len(runs) < ENOUGH_SEEDS:
        interval = stats.wilson(int(one.correct.sum()), n)
        line |= {"accuracy": one.accuracy, "over": f"{n:,} test images"}
        return line | interval._asdict()
    accuracies = [run.accuracy for run in runs]
    line |= {"accuracy": float(np.mean(accuracies)), "over": f"{len(runs)} seeds"}
    return line | stats.mean_interval(accuracies)._asdict()


def words(row: object) -> str:
    """A row of headline() as one phrase: "99.02 % (95 % interval 98.98 to 99.06, over 5 seeds)"."""
    interval = f"95 % interval {100 * row.low:.2f} to {100 * row.high:.2f}"
    return f"{100 * row.accuracy:.2f} % ({interval}, over {row.over})"


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
