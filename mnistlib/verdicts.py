"""Which recipes are better than a baseline: one rule, applied to the records of paired seeds."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from mnistlib import paired, stats
from mnistlib.base import UserError
from mnistlib.runs import Run, expect_comparable

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.05
VERDICTS = ("helps", "hurts", "no evidence")
RULE = (
    "A recipe *helps* if its test accuracy, paired with the baseline's by seed, is higher on "
    "average and the two-sided sign-flip p-value, corrected by Holm over all rows that are "
    "compared with that baseline, is below 0.05; it *hurts* if it is lower on average with such a "
    "p-value; otherwise there is *no evidence*. The last epoch counts, and every seed that both "
    "have."
)

# Test images whose labels raters dispute.
DISPUTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)


def right(run: Run, without: Iterable[int] = ()) -> int:
    """How many test images were read right after the last epoch, some of them left out."""
    return int(np.delete(run.correct, list(without)).sum())


def compare(
    rows: Mapping[str, Sequence[Run]],
    baseline: str,
    rng: np.random.Generator,
    without: Iterable[int] = (),
) -> "pd.DataFrame":
    """One row a recipe, the baseline first, by RULE; index: the names in `rows`.

    Columns: seeds (those shared with the baseline), error (mean test error, fraction), error_low,
    error_high (95 % BCa interval over seeds), difference (mean paired difference of accuracy,
    fraction), low, high (its 95 % BCa interval), p, p_holm, better (probability of being better),
    verdict, seconds (the fastest epoch), cost (seconds over the baseline's).

    Args:
        rows: runs by name.
        baseline: the name that all others are compared with.
        rng: for the bootstrap; left as it is.
        without: test images to leave out, by index.

    Raises:
        UserError: fewer than 2 shared seeds, two runs of one seed, or runs of different digits or
            epochs.
    """
    import pandas as pd

    skip = list(without)
    by_seed = {name: _by_seed(name, runs, skip) for name, runs in rows.items()}
    expect_comparable(rows)
    others = [name for name in rows if name != baseline]
    images = len(rows[baseline][0].predictions) - len(set(skip))
    pairs = {name: (by_seed[name], by_seed[baseline]) for name in (baseline, *others)}
    lines = {name: _line(*pair, images, rng) for name, pair in pairs.items()}
    frame = pd.DataFrame.from_dict(lines, orient="index")
    frame["p_holm"] = np.nan
    frame.loc[others, "p_holm"] = paired.holm(frame.loc[others, "p"].astype(float))
    frame["verdict"] = [_verdict(row) for row in frame.itertuples()]
    frame["seconds"] = [_seconds(rows[name]) for name in frame.index]
    frame["cost"] = frame["seconds"] / frame.loc[baseline, "seconds"]
    return frame


def _by_seed(name: str, runs: Sequence[Run], without: list[int]) -> dict[int, int]:
    found = {run.seed: right(run, without) for run in runs}
    if len(found) < len(runs):
        raise UserError(f"{name}: found {len(runs)} runs of {len(found)} seeds; give one a seed")
    return found


def _line(values: dict[int, int], base: dict[int, int], images: int, rng) -> dict:
    seeds = sorted(values.keys() & base.keys())
    whole = [np.array([run[seed] for seed in seeds]) for run in (values, base)]
    a, b = (right / images for right in whole)
    # each interval from the same draws: equal data have equal intervals, whatever stands beside
    mean = stats.bootstrap_mean(a, deepcopy(rng))
    line = {"seeds": len(seeds), "error": float((1 - a).mean())}
    line |= {"error_low": 1 - mean.high, "error_high": 1 - mean.low}
    if values is base:
        return line | {"difference": 0.0, "low": 0.0, "high": 0.0, "p": np.nan, "better": 0.5}
    low, high = stats.bootstrap_mean(a - b, deepcopy(rng))
    line |= {"difference": float((a - b).mean()), "low": low, "high": high}
    return line | {
        "p": paired.sign_flip(whole[0] - whole[1]),
        "better": paired.probability_of_better(a, b),
    }


def _verdict(row: object) -> str:
    if np.isnan(row.p):
        return "baseline"
    if not row.p_holm < ALPHA:
        return "no evidence"
    return "helps" if row.difference > 0 else "hurts"


def _seconds(runs: Sequence[Run]) -> float:
    # the fastest epoch: whatever else the machine did can only have added to the others
    return min(second for run in runs for second in run.history["seconds"])


def which(frame: "pd.DataFrame", verdict: str) -> str:
    """The rows of compare's frame that have a verdict, in a sentence: "a, b and c" or "none"."""
    names = list(frame.index[frame["verdict"] == verdict])
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "none"


def both_ways(
    alone: "pd.DataFrame", within: "pd.DataFrame", pairs: Mapping[str, tuple[str, str]]
) -> "pd.DataFrame":
    """What each technique adds to the baseline, and what it adds to all the others together.

    Columns: alone, alone_low, alone_high, within, within_low, within_high; differences of accuracy
    as fractions, with their intervals. Index: the techniques.

    Args:
        alone, within: as from compare, with the baseline and with all together as baseline.
        pairs: by technique, its row in `alone` and its row in `within`. A row there whose name has
            " - " is one without the technique, and its difference counts with the other sign.
    """
    import pandas as pd

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
    return next(n for n in count(1) if paired.least_p(n) * rows < ALPHA)


def undecided(frame: "pd.DataFrame") -> str:
    """Says which seeds are missing before compare's rows can have a verdict; "" if none are.

    Args:
        frame: rows without the baseline.
    """
    least, needed = int(frame["seeds"].min()), seeds_needed(len(frame))
    return f"no verdict yet, from {least} of {needed} seeds needed" if least < needed else ""
