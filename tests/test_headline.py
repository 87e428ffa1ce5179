from dataclasses import replace

import pytest

from mnistlib import stats
from mnistlib.config import recipe
from mnistlib.headline import headline, readable, words
from mnistlib.train import fit


@pytest.fixture(scope="module")
def run(tiny):
    return fit(recipe("mlp", epochs=1), tiny, 0, progress=False)


def test_one_run_has_an_interval_over_test_images(run):
    (row,) = headline([run]).itertuples()
    right = int(run.correct.sum())
    assert (row.model, row.parameters, row.seeds, row.over) == ("mlp", 61_706, 1, "test images")
    assert (row.low, row.high) == stats.wilson(right, 100)
    assert words(row).endswith("over 100 test images)")


def test_several_seeds_have_an_interval_over_seeds(run):
    runs = [replace(run, seed=seed) for seed in range(3)]
    (row,) = headline(runs).itertuples()
    assert (row.seeds, row.over) == (3, "seeds")
    assert (row.accuracy, row.low, row.high) == pytest.approx([run.accuracy] * 3)


def test_two_seeds_are_too_few_for_a_mean(run):
    assert headline([run, replace(run, seed=1)]).equals(headline([run]))


def test_models_without_runs_are_left_out(run):
    assert headline([run])["model"].tolist() == ["mlp"]
    assert headline([]).empty


def test_the_readable_table_says_the_same(run):
    frame = headline([run])
    (row,) = readable(frame).itertuples()
    assert row.Index == "MLP"
    assert row._1 == f"{run.accuracy:.2%}".replace("%", " %")
    assert row.over == "100 images"
    assert row.parameters == "61,706"
