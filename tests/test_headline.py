from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import bootstrap

from mnistlib import stats
from mnistlib.base import UserError
from mnistlib.config import recipe
from mnistlib.headline import headline, readable, words
from mnistlib.runs import CURVES, Run
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


def made(seed, *accuracies):
    """A run on 100 digits, all labelled 1, with these accuracies after its epochs."""
    wrong = round(100 * (1 - accuracies[-1]))
    return Run(
        recipe=recipe("mlp", epochs=len(accuracies)),
        seed=seed,
        dataset={"name": "d", "n_train": 9, "n_test": 100, "fingerprint": "f"},
        history={**{c: [0.5] * len(accuracies) for c in CURVES}, "test_accuracy": [*accuracies]},
        predictions="0" * wrong + "1" * (100 - wrong),
        mistakes={str(i): 1 for i in range(wrong)},
        versions={},
        device="cpu",
        threads=1,
    )


def test_the_interval_over_seeds_is_scipys_bca_bootstrap_of_their_mean():
    accuracies = [0.9, 0.97, 0.93, 0.96]
    (row,) = headline([made(seed, value) for seed, value in enumerate(accuracies)]).itertuples()
    given = {"n_resamples": 9_999, "method": "BCa", "rng": np.random.default_rng(0)}
    expected = bootstrap((accuracies,), np.mean, **given).confidence_interval
    assert row.accuracy == pytest.approx(0.94)
    assert (row.low, row.high) == pytest.approx((expected.low, expected.high))
    assert 0.9 < row.low < 0.94 < row.high < 0.97


def test_the_last_epoch_counts_even_where_it_is_not_the_best():
    (one,) = headline([made(0, 0.8, 0.99, 0.9)]).itertuples()
    assert one.accuracy == 0.9
    assert (one.low, one.high) == stats.wilson(90, 100)
    (three,) = headline([made(seed, 0.99, 0.9) for seed in range(3)]).itertuples()
    assert (three.accuracy, three.low, three.high) == pytest.approx([0.9] * 3)


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


def test_runs_of_different_epochs_are_not_averaged():
    runs = [made(0, 0.9), made(1, 0.8, 0.9), made(2, 0.9)]
    with pytest.raises(UserError, match=r"mlp \(1 epochs\) and mlp \(2 epochs\) differ"):
        headline(runs)
