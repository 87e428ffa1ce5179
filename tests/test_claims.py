import pandas as pd
import pytest

from mnistlib import claims
from mnistlib.claims import Study
from mnistlib.comparison import ALONE, WITHIN
from mnistlib.config import ORDER, WITHOUT
from mnistlib.plan import RETRIED

GAIN = 0.001


def line(difference, verdict="no evidence", error=0.005, better=0.99):
    """A row of compare's with intervals of ± 0.0005."""
    return {
        "seeds": 10,
        "error": error,
        "error_low": error - 0.0005,
        "error_high": error + 0.0005,
        "difference": difference,
        "low": difference - 0.0005,
        "high": difference + 0.0005,
        "p": 0.002,
        "p_holm": 0.02,
        "better": better,
        "verdict": verdict,
    }


def frame(lines):
    return pd.DataFrame.from_dict(lines, orient="index")


@pytest.fixture
def study():
    """All that one would like to claim."""
    base = line(0.0, "baseline", error=0.009) | {"p": float("nan")}
    added = {"lenet5": base, **{name: line(GAIN, "helps") for name in ALONE}}
    parts = len(WITHOUT) - 1  # affine and elastic count as one
    added["lenet5_reg"] = line(parts * GAIN, "helps")
    removed = {"lenet5_reg": line(0.0, "baseline", error=0.003)}
    removed |= {name: line(-GAIN, "hurts") for name in WITHIN}
    duel = {"lenet5": base, "mlp": line(-0.01, "hurts")}
    return Study(*map(frame, (duel, added, removed)))


@pytest.fixture
def second():
    """The second look, with all three confirmed."""
    base = line(0.0, "baseline") | {"p": float("nan")}
    return frame({"lenet5": base, **{name: line(GAIN, "helps") for name in RETRIED[1:]}})


def supported(study, second):
    return (claims.claims(study, second)["verdict"] == "supported").tolist()


def evidence(study, second, start):
    return claims.claims(study, second).filter(like=start, axis=0)["evidence"].item()


def test_each_claim_can_be_supported(study, second):
    assert supported(study, second) == [True] * 10


@pytest.mark.parametrize(
    ("part", "row", "change", "falls"),
    [
        ("duel", "lenet5", {"error_low": 0.0096}, [0]),
        ("duel", "mlp", {"verdict": "no evidence"}, [1]),
        ("added", "lenet5_reg", {"verdict": "no evidence"}, [2]),
        ("removed", "lenet5_reg", {"error_high": 0.0041}, [3]),
        ("added", "lenet5 + dropout", {"verdict": "hurts"}, [6]),
        ("added", "lenet5 + affine", {"better": 0.94}, [7]),
        ("removed", "lenet5_reg - averaging", {"verdict": "no evidence"}, [8]),
        ("added", "lenet5_reg", {"low": 0.001, "high": 0.002}, [9]),
        ("removed", "lenet5_reg + dropout", {"verdict": "helps"}, []),
    ],
)
def test_each_claim_falls_with_its_own_evidence(study, second, part, row, change, falls):
    for column, value in change.items():
        getattr(study, part).loc[row, column] = value
    assert [i for i, stands in enumerate(supported(study, second)) if not stands] == falls


def test_three_must_be_confirmed(study, second):
    second.loc["lenet5 + affine", "verdict"] = "no evidence"
    assert supported(study, second).index(False) == 5
    assert evidence(study, second, "by fresh seeds").startswith(
        "Retried from 20 fresh seeds, confirmed to help: label smoothing and affine+elastic; "
        "not confirmed: affine. Gains: label smoothing +0.10 points "
        "(+0.05 to +0.15; p = 0.02 by Holm); "
    )
    assert not supported(study, None)[5]


def test_three_must_help_alone(study, second):
    names = [f"lenet5 + {name}" for name in ORDER]
    study.added.loc[names[2:], "verdict"] = "no evidence"
    assert supported(study, second).index(False) == 4
    told = "2 of 8 help. Added alone, helps: weight decay and dropout;"
    assert evidence(study, second, "At least three techniques help when").startswith(told)
    study.added["verdict"] = "no evidence"
    assert evidence(study, second, "One run") == "none helps"
    assert not supported(study, second)[7]


def test_the_results_hold_every_row_once(study):
    frame = claims.results(study)
    assert len(frame) == len(set(frame.index)) == 2 + len(ALONE) + len(WITHIN)
    base, mlp = frame.loc["baseline"], frame.loc["MLP"]
    assert (base["test error"], base["difference"]) == ("0.90 % (0.85 to 0.95)", "–")
    assert (mlp["difference"], mlp["p (Holm)"]) == ("−1.00 (−1.05 to −0.95)", "0.02")
    assert frame.loc["all + dropout", "better"] == "99 %"
