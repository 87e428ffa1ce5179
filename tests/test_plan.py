import shutil
import subprocess
from dataclasses import replace
from itertools import chain, product

import pandas as pd
import pytest
from statsmodels.stats.power import TTestPower

from mnistlib import counting, plan, stats
from mnistlib.base import ROOT, RUNS, UserError
from mnistlib.comparison import ALPHA, WITHIN, by_row, headline, label
from mnistlib.config import ALL, ORDER, ROWS, recipe
from mnistlib.dataset.digits import FINGERPRINT
from mnistlib.plan import ADDED
from mnistlib.runs import key, load_all, place
from tests.test_comparison import run


def test_the_studys_values_are_those_that_the_committed_trials_choose():
    committed = load_all(plan.TUNING_FOLDER)
    frame = plan.trials(committed)
    chosen = frame[frame["chosen"]].set_index("technique")["recipe"]
    wanted = {name: ROWS[f"lenet5 + {name}"] for name in ORDER} | {"all together": ALL}
    wanted |= {row: ROWS[row] for row in plan.FAIR}
    found = {name: replace(given, epochs=wanted[name].epochs) for name, given in chosen.items()}
    assert found == wanted
    assert set(frame["seeds"]) == {len(plan.TUNING_SEEDS)}
    assert len({run.dataset["fingerprint"] for run in committed}) == 1
    assert {run.dataset["n_test"] for run in committed} == {5_000}


def test_trials_of_every_value_that_is_looked_at_are_committed():
    committed = load_all(plan.TUNING_FOLDER)
    looked = {given for recipes in plan.LOOKED_AT.values() for given in recipes}
    assert {*product(looked, plan.TUNING_SEEDS)} <= {(run.recipe, run.seed) for run in committed}


def test_the_committed_trials_of_shapes_are_those_of_every_shape():
    committed = load_all(plan.SHAPES_FOLDER)
    (fingerprint,) = {run.dataset["fingerprint"] for run in committed}
    shapes = counting.solve_widths(61_706, low=plan.SHAPE_LOW, high=plan.SHAPE_HIGH)
    names = ["-".join(map(str, widths)) for widths in shapes]
    recipes = [recipe("mlp", epochs=plan.SHAPE_EPOCHS, widths=widths) for widths in names]
    expected = {key(given, seed, fingerprint) for given in recipes for seed in plan.SHAPE_SEEDS}
    assert {run.key for run in committed} == expected
    assert {run.dataset["n_test"] for run in committed} == {5_000}


def test_every_technique_was_tried_and_other_values_say_where_they_are_from():
    assert set(plan.TUNED) == set(ORDER)
    frame = plan.untuned().set_index("where")
    assert frame.loc["all together", "value"].tolist() == [0.05, 0.05, 0.998]
    assert frame.loc["all rows", "from"].tolist()[0] == "the assignment"


PLAN = (ROOT / "data" / "plan.md").read_text(encoding="utf-8")


def test_the_plan_in_words_is_the_plan_that_runs():
    family, alpha = plan.FAMILIES[ADDED], ALPHA / len(plan.FAMILIES[ADDED])
    explored = by_row([run for run in load_all(RUNS) if run.seed in plan.EXPLORED])
    by_seed = {x: pd.Series({r.seed: 100 * r.accuracy for r in explored[x]}) for x in explored}
    for row, against in family.items():
        gains = (by_seed[row] - by_seed[against]).dropna()
        mean, spread, least = gains.mean(), gains.std(), stats.detectable(gains, 20, alpha)
        power = TTestPower().power(abs(mean) / spread, 20, alpha)
        cells = f"{len(gains)} | {mean:.2f} | {spread:.2f} | {least:.2f} | {100 * power:.0f} %"
        assert f"| {label(row)} | {cells} |" in PLAN
    assert all(name in PLAN for name in plan.FAMILIES)
    *early, parts, old, replaced = plan.stages()
    assert sum(len(rows) * len(seeds) for rows, seeds in early) == 13 * 20 + 2 * 10
    assert (*old, *replaced) == (["lenet5_1998"], range(10), plan.ROWS_1998, range(5))
    assert not set(plan.DECIDING) & set(plan.EXPLORED)
    assert parts == (WITHIN, plan.DECIDING)


def test_a_plan_is_older_than_the_runs_that_it_asks_for():
    def git(*words):
        how = {"cwd": ROOT, "capture_output": True, "text": True, "check": False}
        return subprocess.run([program, *map(str, words)], **how).stdout.strip()

    def times(*paths):
        return git("log", "--format=%ct", "--", *paths).split()

    program = shutil.which("git")
    if not program or git("rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("the history of the repository is not here")
    stages = [product(rows, seeds) for rows, seeds in plan.stages()]
    study = [RUNS / place(ROWS[row], seed) for row, seed in chain(*stages)]
    old = sorted(RUNS.glob("lenet5_1998*/*.json"))
    for name, runs in {"plan.md": study, "plan-1998.md": old}.items():
        if there := [path for path in runs if path.exists()]:
            assert int(times(ROOT / "data" / name)[0]) < int(times(*there)[-1])


def made(name, seed, wrong):
    """A run of a row of the study that misreads the first `wrong` digits."""
    found = run(seed, wrong, FINGERPRINT, ROWS[name].epochs)
    return replace(found, recipe=ROWS[name], versions={"arithmetic": "portable"})


@pytest.fixture
def runs():
    """All that decides the first family: affine is better from each seed, the others as good."""
    rows = ["lenet5", *plan.FAMILIES[ADDED]]
    return [
        made(name, seed, 40 + seed % 7 + (-1) ** (seed + i) - 9 * (name == "lenet5 + affine"))
        for i, name in enumerate(rows)
        for seed in plan.DECIDING
    ]


def test_what_is_there_is_judged_by_the_seeds_that_decide(runs):
    more = [made("lenet5", 9, 900), made("lenet5 + affine", 9, 0), made("mlp + one-cycle", 30, 5)]
    study = plan.judge([*more, *runs])
    assert list(study) == [ADDED]
    frame = study[ADDED]
    assert frame.decided.all()
    assert frame["seeds"].eq(20).all()
    assert frame.index[0] == "lenet5"
    assert frame["verdict"].drop("lenet5 + affine").iloc[1:].isin(["equivalent", "not shown"]).all()
    affine = frame.loc["lenet5 + affine", ["verdict", "undisputed", "spoilt"]]
    assert affine.tolist() == ["helps"] * 3
    assert frame.loc["lenet5 + affine", "late"] == pytest.approx(
        frame.difference["lenet5 + affine"]
    )
    told = plan.standing([*more, *runs])
    assert told.startswith("Judged once, as planned, from 20 seeds (30 to 49) that")
    assert told.endswith(
        "not judged yet: the MLP on fair terms, longer training, parts of all together."
    )


def test_nothing_is_called_judged_before_all_runs_are_there(runs):
    explored = [replace(each, seed=each.seed - 30) for each in runs]
    assert plan.missing(runs) == 0
    assert plan.missing([*runs[1:], *explored]) == 1
    assert plan.counted([*runs[1:], *explored]) == explored
    assert not plan.judge([*runs[1:], *explored])[ADDED].decided.any()
    told = plan.standing(runs[1:])
    assert told.endswith("219 of the 220 runs that will decide this are there.")


@pytest.mark.parametrize("change", [{"versions": {}}, {"dataset": {**run(0, 0).dataset}}])
def test_only_mnist_in_the_arithmetic_that_travels_decides(runs, change):
    others = [replace(each, **change) for each in runs]
    assert plan.missing(others) == 220
    assert plan.counted(others) == others  # what is there is shown, and not called judged
    assert not plan.judge(others)[ADDED].decided.any()


def test_runs_on_different_digits_are_not_judged_together(runs):
    other = replace(runs[0], dataset={**runs[0].dataset, "fingerprint": "another"})
    with pytest.raises(UserError, match="runs on different digits"):
        plan.judge([other, *runs[1:]])


def test_each_family_waits_for_its_own_runs(runs):
    longer = [
        made(name, seed, 30)
        for name in ("lenet5", "lenet5_reg", *plan.FAMILIES[plan.LONGER])
        for seed in plan.LONGER_SEEDS
    ]
    study = plan.judge(longer)
    assert study[plan.LONGER].decided.all()
    assert plan.missing(longer, plan.LONGER) == 0
    assert not study[ADDED].decided.any()


def test_longer_runs_are_no_part_of_the_headline(runs):
    longer = [made("lenet5 (epochs=90)", seed, 30) for seed in plan.LONGER_SEEDS]
    assert headline([*runs, *longer]).equals(headline(runs))
