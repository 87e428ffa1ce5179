"""What the report claims, each claim beside the evidence that the records give for it.

The claims were written down as one would like to make them; the records decide which of them stand.
Ours are held against what others published: LeCun, Bottou, Bengio, Haffner, "Gradient-based
learning applied to document recognition", Proc. IEEE 86(11), 1998, figure 9; Simard, Steinkraus,
Platt, "Best practices for convolutional neural networks applied to visual document analysis", ICDAR
2003, table 1. Each of those is one network (or one committee), trained once.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from mnistlib import stats
from mnistlib.comparison import COMBINED, MARGIN, by_row, label, surplus
from mnistlib.config import ROWS
from mnistlib.plan import ADDED, FAIRLY, LONGER, PARTS, counted
from mnistlib.runs import Run

Study = Mapping[str, pd.DataFrame]  # families by name, as from plan.judge
Claim = tuple[str, str, bool, str | None]  # text, evidence, if it stands, family if planned
KNOWN = (  # method, test error as a fraction, source
    ("two-layer MLP 300-100", 0.0305, "LeCun et al. 1998"),
    ("LeNet-5", 0.0095, "LeCun et al. 1998"),
    ("LeNet-5, distorted digits", 0.0080, "LeCun et al. 1998"),
    ("boosted LeNet-4, distorted digits", 0.0070, "LeCun et al. 1998"),
    ("convolutional network, elastic distortions", 0.0040, "Simard et al. 2003"),
)
ERROR_1998, ERROR_2003 = KNOWN[1][1], KNOWN[-1][1]
LENET5_1998 = 1 - ERROR_1998
BAND_1998 = LENET5_1998, *stats.wilson(round(10_000 * LENET5_1998), 10_000)  # and its interval
WHO = {"lenet5": "the baseline", "lenet5_reg": "all together"}  # in a sentence
SURE = 0.95  # how often one run must come out ahead of another to be called enough


def claims(study: Study, runs: Sequence[Run]) -> pd.DataFrame:
    """What the report claims, of a study that plan.judge made of these runs; index: claim, columns:
    evidence, verdict ("supported" or "not supported", "exploratory" but where judged as planned).
    """
    found = [*_of_networks(study), *_of_techniques(study), *_of_parts(study, runs)]
    frame = pd.DataFrame(found, columns=["claim", "evidence", "verdict", "family"])
    words = frame.pop("verdict").map({True: "supported", False: "not supported"})
    decided = [name in study and study[name]["decided"].all() for name in frame.pop("family")]
    return frame.assign(verdict=words + np.where(decided, "", ", exploratory")).set_index("claim")


def _of_networks(study: Study) -> Iterator[Claim]:
    added = study[ADDED]
    lenet5, mlp, together = added.loc["lenet5"], added.loc["mlp"], added.loc["lenet5_reg"]
    text = f"On average the assignment's LeNet-5 misreads at most 1998's {100 * ERROR_1998:.2f} %."
    yield text, f"test error {error_words(lenet5)}", lenet5.error_high <= ERROR_1998, ADDED
    text = "With as many parameters and the same recipe LeNet-5 reads better than the MLP."
    yield text, f"MLP against LeNet-5: {gain_words(mlp)}", mlp.verdict == "hurts", ADDED
    text = "It does so too when both are regularized (the MLP without batch norm)."
    fair = study[FAIRLY].loc["mlp + all it can take"]
    yield text, f"MLP against LeNet-5: {gain_words(fair)}", fair.verdict == "hurts", FAIRLY
    text = "All techniques together (but dropout) improve LeNet-5."
    yield text, gain_words(together), together.verdict == "helps", ADDED
    for longer in study[LONGER].dropna(subset="p").itertuples():
        epochs = ROWS[longer.Index].epochs
        text = f"Trained for {epochs} epochs, {WHO[longer.against]} makes fewer errors."
        evidence = f"{gain_words(longer)}: {longer.verdict}; test error {error_words(longer)}"
        yield text, evidence, longer.verdict == "helps", LONGER
    text = f"The regularized LeNet-5 makes fewer errors than the {100 * ERROR_2003:.2f} % of 2003."
    yield text, f"test error {error_words(together)}", together.error_high < ERROR_2003, ADDED


def _of_techniques(study: Study) -> Iterator[Claim]:
    alone = techniques(study[ADDED])
    helping = alone[alone["verdict"] == "helps"]
    text = "One run of each is enough to see that a technique helps."
    evidence, sure = "none helps", False
    if len(helping):
        weakest, share = helping["better"].idxmin(), helping["better"].min()
        n, pairs = helping["seeds"][weakest], f"{100 * share:.0f} %"
        evidence = f"of those that help, {weakest.removeprefix('+ ')} does so least often: one run "
        evidence += f"beats one of the baseline in {pairs} of all {n} × {n} pairs"
        sure = share >= SURE
    yield text, evidence, sure, ADDED


def _of_parts(study: Study, runs: Sequence[Run]) -> Iterator[Claim]:
    without = study[PARTS].filter(like=" - ", axis=0).rename(index=label)
    text = "All together needs every part of it: without one, it is worse."
    evidence = family_words("One part left out at a time", without)
    yield text, evidence, (without["verdict"] == "hurts").all(), PARTS
    more = surplus(by_row(counted(runs)), "lenet5_reg", COMBINED, "lenet5")
    left = points(more["difference"], more["low"], more["high"])
    evidence = f"together, less the sum of the parts alone: {left} points, {more['seeds']} seeds"
    text = "Together the techniques gain less than the sum of what they gain alone."
    yield text, evidence, more["high"] < 0, None


def techniques(added: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first family that are one technique each; index: labels."""
    return added.filter(like="lenet5 + ", axis=0).rename(index=label)


def results(study: Study) -> pd.DataFrame:
    """The whole study as people read it, a row a recipe; index: labels.

    Columns: test accuracy (95 % interval over seeds), against, difference in points (over seeds),
    over seeds and digits, p (Holm), verdict (where others are judged, with what is exploratory),
    seeds.
    """
    frame = _rows(study)
    said = frame["decided"] | ~frame["decided"].any()
    rows = list(frame.itertuples())
    table = {
        "test accuracy": [
            share_words(1 - row.error, 1 - row.error_high, 1 - row.error_low) for row in rows
        ],
        "against": frame["against"].map(label),
        "difference": [points(row.difference, row.low, row.high) for row in rows],
        "over seeds and digits": [between(row.both_low, row.both_high) for row in rows],
        "p (Holm)": frame["p_holm"].map("{:.2g}".format),
        "verdict": frame["verdict"] + np.where(said, "", ", exploratory"),
        "seeds": frame["seeds"],
    }
    table = pd.DataFrame(table, frame.index)
    table.loc[frame["p"].isna(), list(table)[1:-1]] = "–"
    return table


def details(study: Study) -> pd.DataFrame:
    """What stands behind each verdict, a row a comparison; index: labels.

    Columns: smallest shown (points, with 80 % power), the verdict without disputed images and
    without one seed, that which favours it most, and the second outcome (last five epochs).
    """
    frame = _rows(study).dropna(subset="p")
    late = [f"{signed(row.late)}, p = {row.late_p:.2g}" for row in frame.itertuples()]
    table = {
        "smallest shown": (100 * frame["detectable"]).map("{:.2f}".format),
        "without disputed images": frame["undisputed"],
        "without one seed": frame["spoilt"],
        "last five epochs": late,
    }
    return pd.DataFrame(table, frame.index)


def firmness(study: Study) -> str:
    """How many verdicts stay without disputed images and without one seed, which change and to
    what, and which rows only the second outcome tells apart, in sentences."""
    frame = _rows(study).dropna(subset="p")
    checks, told = {"undisputed": "without disputed images", "spoilt": "without one seed"}, []
    for decided, rows in frame.groupby("decided", sort=False):
        other = {
            name: [f"{row[check]} {words}" for check, words in checks.items() if row[check] != was]
            for (name, row), was in zip(rows.iterrows(), rows["verdict"], strict=True)
        }
        changed = [f"{name} ({', '.join(ways)})" for name, ways in other.items() if ways]
        kind = "judged" if decided else "exploratory"
        stay = f"{len(rows) - len(changed)} of {len(rows)} {kind} verdicts stay the same"
        but = f"; not so: {'; '.join(changed)}" if changed else ""
        told.append(f"{stay} {' and '.join(checks.values())}{but}.")
    late = frame.index[(frame["late_p"] < 0.05) & ~frame["verdict"].isin(["helps", "hurts"])]
    if len(late):
        only = "Only the last five epochs, which decide nothing, show a difference"
        told.append(f"{only}: {'; '.join(late)}.")
    return " ".join(told)


def _rows(study: Study) -> pd.DataFrame:
    frame = pd.concat(study.values())
    return frame[~(frame.index.duplicated() & frame["p"].isna())].rename(index=label)


EQUIVALENT = f"equivalent within ±{100 * MARGIN:g} points"
WORDS = {  # of each verdict, for one row and for several
    "helps": ("helps", "help"),
    "hurts": ("hurts", "hurt"),
    "equivalent": (f"is {EQUIVALENT}", f"are {EQUIVALENT}"),
    "not shown": ("is not shown to differ", "are not shown to differ"),
}


def family_words(what: str, rows: pd.DataFrame) -> str:
    """The verdicts on some rows, labelled, in a sentence: "Added alone: a and b help; c hurts."."""
    what += "" if rows["decided"].all() else " (exploratory)"
    names, said = rows.index.str.removeprefix("+ ").str.removeprefix("all "), []
    names = names.str.replace("+ ", "with ", regex=False)
    for verdict, (one, several) in WORDS.items():
        if found := [*names[rows["verdict"] == verdict]]:
            *rest, last = found
            said.append(f"{', '.join(rest)} and {last} {several}" if rest else f"{last} {one}")
    return f"{what}: {'; '.join(said)}."


def longer_words(study: Study) -> str:
    """What longer training does, in a sentence; none where it has no runs."""
    if LONGER not in study:
        return ""
    rows = study[LONGER].dropna(subset="p")
    one = rows.iloc[0]
    epochs = f"{ROWS[one.name].epochs} epochs instead of {ROWS[one.against].epochs}"
    seeds = " or ".join(map(str, sorted(set(rows["seeds"]))))
    names = {name: f"that of {who}" for name, who in WHO.items()}
    each = rows.set_index("against").rename(index=names)
    return family_words(f"Training for {epochs} ({seeds} seeds)", each)


def signed(fraction: float) -> str:
    """A fraction of accuracy in points: "+0.33"; without a sign where it is written as 0.00."""
    words = f"{100 * fraction:+.2f}".replace("-", "−")
    return words if words[1:] != "0.00" else "0.00"


def between(low: float, high: float) -> str:
    """An interval in points: "+0.30 to +0.36"."""
    return f"{signed(low)} to {signed(high)}"


def points(difference: float, low: float, high: float) -> str:
    """A difference and its interval in points: "+0.33 (+0.30 to +0.36)"."""
    return f"{signed(difference)} ({between(low, high)})"


def share_words(value: float, low: float, high: float, over: str = "", decimals: int = 2) -> str:
    """A fraction and its interval in words: "99.23 % (99.21 to 99.25)"."""
    mean, *ends = (f"{100 * part:z.{decimals}f}".replace("-", "−") for part in (value, low, high))
    return f"{mean} % ({' to '.join(ends)}{over})"


def mean_words(values: Sequence[float], decimals: int = 1) -> str:
    """The same of a mean over seeds, with Student's 95 % interval."""
    return share_words(np.mean(values), *stats.mean_interval(values), decimals=decimals)


def error_words(row: object) -> str:
    """A recipe's error in words: "0.77 % (0.75 to 0.79 over 10 seeds)"; printed accuracy and error
    sum up to 100 %."""
    parts = (row.error, row.error_low, row.error_high)
    parts = (1 - round(100 * (1 - part), 2) / 100 for part in parts)
    return share_words(*parts, f" over {row.seeds} seeds")


def gain_words(row: object) -> str:
    """A difference in words: "+0.33 points (+0.30 to +0.36; p = 0.02 by Holm)"."""
    chance = f"p = {row.p_holm:.2g} by Holm"
    return f"{signed(row.difference)} points ({between(row.low, row.high)}; {chance})"
