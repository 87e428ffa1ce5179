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
WITHIN = [*(f"lenet5_reg - {name}" for name in WITHOUT), "lenet5_reg + dropout"]  # with lenet5_reg
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
    runs: Mapping[str, Sequence[Run]] | Iterable[Run], baseline: str, without: Iterable[int] = ()
) -> pd.DataFrame:
    """One row a recipe, the baseline first, by RULE; index: the rows' names.

    Columns: seeds (those shared with the baseline), error (mean test error, fraction), error_low,
    error_high (Student's 95 % interval over seeds), difference (mean paired difference of accuracy,
    fraction), low, high (all that its sign-flip test does not refuse at 5 %, over seeds; not
    corrected by Holm), both_low, both_high (95 % interval over seeds and digits), p, p_holm, better
    (how often one run reads more than one of the baseline, from any two seeds), verdict.

    Args:
        runs: by name; or in a list, where each is called after its recipe, whatever its epochs.
        baseline: the name that all others are compared with.
        without: test images to leave out, by index.

    Raises:
        UserError: no such baseline, fewer than 2 shared seeds, two runs of one seed, or runs of
            different digits or epochs.
    """
    rows = runs if isinstance(runs, Mapping) else _grouped(runs)
    pick("baseline", baseline, rows)
    expect_comparable(rows)
    right = {name: _right(name, those, list(without)) for name, those in rows.items()}
    others = [name for name in rows if name != baseline]
    lines = {name: _line(name, right, baseline) for name in (baseline, *others)}
    frame = pd.DataFrame.from_dict(lines, orient="index")
    frame.loc[baseline, "p"] = np.nan
    if others:
        frame.loc[others, "p_holm"] = multipletests(frame.loc[others, "p"], method="holm")[1]
    cases = [frame.index == baseline, ~(frame["p_holm"] < ALPHA), frame["difference"] > 0]
    frame["verdict"] = np.select(cases, ["baseline", "no evidence", "helps"], "hurts")
    return frame


def _grouped(runs: Iterable[Run]) -> dict[str, list[Run]]:
    rows: dict[str, list[Run]] = {}
    for run in runs:
        rows.setdefault(row_name(replace(run.recipe, epochs=Recipe().epochs)), []).append(run)
    return rows


def _right(name: str, runs: Sequence[Run], without: list[int]) -> pd.DataFrame:
    """Whether each test image (column) was read right from each seed (row); last epoch."""
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        raise UserError(
            f"{name}: found {len(seeds)} runs of {len(set(seeds))} seeds; give one a seed"
        )
    return pd.DataFrame([np.delete(run.correct, without) for run in runs], seeds)


def _line(name: str, right: Mapping[str, pd.DataFrame], baseline: str) -> dict:
    seeds = right[name].index.intersection(right[baseline].index).sort_values()
    if len(seeds) < 2:
        raise UserError(f"{name}: found {len(seeds)} seeds shared with {baseline}; train 2 or more")
    one, other = (right[row].loc[seeds].to_numpy(np.int8) for row in (name, baseline))
    a, b, images = one.sum(1), other.sum(1), one.shape[1]
    accuracy, gain = stats.mean_interval(a / images), stats.sign_flip_interval(a - b)
    both = stats.two_way(one - other)
    return {
        "seeds": len(seeds),
        "error": float((1 - a / images).mean()),
        "error_low": 1 - accuracy.high,
        "error_high": 1 - accuracy.low,
        "difference": float((a - b).mean() / images),
        "low": gain.low / images,
        "high": gain.high / images,
        "both_low": both.low,
        "both_high": both.high,
        "p": stats.sign_flip(a - b),
        "p_holm": np.nan,
        # Mann and Whitney's U as a share (Vargha and Delaney, J. Educ. Behav. Stat. 25, 2000)
        "better": float(mannwhitneyu(a, b).statistic / len(seeds) ** 2),
    }


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
