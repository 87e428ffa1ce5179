import shutil
import subprocess
from dataclasses import replace
from itertools import chain, product

import pytest

from mnistlib import counting, plan
from mnistlib.base import ROOT, RUNS
from mnistlib.claims import judge
from mnistlib.comparison import WITHIN, by_row, label
from mnistlib.config import ALL, BASELINE, ORDER, ROWS, recipe
from mnistlib.plan import CONFIRMATION_SEEDS, RETRIED, candidates, confirm, missing, words
from mnistlib.runs import key, load_all, place
from tests.test_comparison import run


def test_the_studys_values_are_those_that_the_committed_trials_choose():
    committed = load_all(plan.TUNING_FOLDER)
    frame = plan.trials(committed)
    chosen = frame[frame["chosen"]].set_index("technique")["recipe"]
    wanted = {name: ROWS[f"lenet5 + {name}"] for name in ORDER} | {"all together": ALL}
    wanted |= {row: ROWS[row] for row in plan.FAIR}
    assert {name: replace(given, epochs=30) for name, given in chosen.items()} == wanted
    assert set(frame["seeds"]) == {len(plan.TUNING_SEEDS)}
    assert len({run.dataset["fingerprint"] for run in committed}) == 1
    assert {run.dataset["n_test"] for run in committed} == {5_000}


def test_the_committed_trials_of_shapes_are_those_of_every_shape():
    committed = load_all(plan.SHAPES_FOLDER)
    (fingerprint,) = {run.dataset["fingerprint"] for run in committed}
    shapes = counting.solve_widths(61_706, low=plan.SHAPE_LOW, high=plan.SHAPE_HIGH)
    names = ["-".join(map(str, widths)) for widths in shapes]
    recipes = [recipe("mlp", epochs=plan.SHAPE_EPOCHS, widths=widths) for widths in names]
    expected = {key(given, seed, fingerprint) for given in recipes for seed in plan.SHAPE_SEEDS}
    assert {run.key for run in committed} == expected
    assert {run.dataset["n_test"] for run in committed} == {5_000}


def test_every_technique_with_a_value_to_choose_says_over_what_it_was_tuned():
    frame = plan.provenance().set_index("where")
    assert set(plan.TUNED) == set(ORDER)
    assert frame.loc["dropout", ["value", "from"]].tolist() == ["0.25", "tuned over 0.1, 0.25, 0.5"]
    assert "0.0005, 1; 0.0001, 0.5; 0.001, 1.5" in frame["from"].str.cat()
    assert frame.loc["baseline", "value"].tolist() == ["0.01", "0.9"]


PLAN = (ROOT / "data" / "plan.md").read_text(encoding="utf-8")


def test_the_plan_in_words_is_the_plan_that_runs():
    found = plan.power([*load_all(RUNS), *load_all(plan.CONFIRMATION_FOLDER)])
    for row, line in found.iterrows():
        numbers = 100 * line[["difference", "spread", "detectable"]]
        cells = [
            label(row),
            int(line.seeds),
            *numbers.map("{:.2f}".format),
            f"{100 * line.power:.0f} %",
        ]
        assert f"| {' | '.join(map(str, cells))} |" in PLAN
    assert all(name in PLAN for name in plan.FAMILIES)
    (*early, parts) = plan.stages()
    assert sum(len(rows) * len(seeds) for rows, seeds in early) == 13 * 20 + 2 * 10
    assert not set(plan.DECIDING) & set(plan.EXPLORED)
    assert parts == (WITHIN, plan.DECIDING)


def test_the_plan_is_older_than_the_runs_that_it_asks_for():
    def git(*words):
        how = {"cwd": ROOT, "capture_output": True, "text": True, "check": False}
        return subprocess.run([program, *map(str, words)], **how).stdout.strip()

    def times(*paths):
        return git("log", "--format=%ct", "--", *paths).split()

    program = shutil.which("git")
    if not program or git("rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("the history of the repository is not here")
    stages = [product(rows, seeds) for rows, seeds in plan.stages()]
    runs = [RUNS / place(ROWS[row], seed) for row, seed in chain(*stages)]
    if there := [path for path in runs if path.exists()]:
        assert int(times(ROOT / "data" / "plan.md")[0]) < int(times(*there)[-1])


def made(name, seed, wrong):
    """A run of a row of the study that misreads the first `wrong` digits."""
    return replace(run(seed, wrong, epochs=BASELINE.epochs), recipe=ROWS[name])


@pytest.fixture
def runs():
    """All of the plan: affine is better from each seed, elastic worse, smoothing as good."""
    gains = dict(zip(RETRIED, (0, None, 4, -4), strict=True))
    return [
        made(name, seed, 20 + seed % 7 - ((-1) ** seed if gain is None else gain))
        for name, gain in gains.items()
        for seed in CONFIRMATION_SEEDS
    ]


def test_what_is_tried_again_is_what_the_rule_asks_for_from_seeds_that_took_no_part():
    rows = by_row(load_all(RUNS))
    assert set(candidates(judge(rows).added)) == set(RETRIED[1:])
    assert not {run.seed for run in rows["lenet5 + affine"]} & set(CONFIRMATION_SEEDS)


def test_it_is_judged_by_the_studys_rule(runs):
    frame = confirm(runs)
    assert frame["seeds"].eq(20).all()
    assert frame["verdict"].tolist() == ["baseline", "no evidence", "helps", "hurts"]
    assert words(frame) == (
        "Retried from 20 fresh seeds, confirmed to help: affine; "
        "not confirmed: label smoothing and affine+elastic."
    )
    assert candidates(frame) == ["lenet5 + affine"]  # elastic's p is as small, but it is worse


def test_nothing_is_judged_before_all_runs_are_there(runs):
    assert missing(runs) == 0
    assert missing(runs[1:]) == 1
    assert confirm(runs[1:]) is None
    assert words(None) == "Retried from 20 fresh seeds: not complete yet."


def test_other_seeds_and_rows_do_not_count(runs):
    more = [*runs, made("lenet5", 9, 900), made("lenet5 + affine", 9, 0), made("mlp", 10, 5)]
    assert confirm(more).equals(confirm(runs))


def test_the_committed_runs_are_those_of_the_plan():
    committed = load_all(plan.CONFIRMATION_FOLDER)
    assert missing(committed) == 0
    assert len(committed) == len(RETRIED) * len(CONFIRMATION_SEEDS)
