"""Distortions, what is read off them, and digits that others collected."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from mnistlib import beyond
from mnistlib.base import RUNS, WEIGHTS
from mnistlib.beyond import KINDS, calibration, distorted, later, reaches
from mnistlib.config import MODELS, RECIPES
from mnistlib.dataset.framing import collected, framed
from mnistlib.runs import load_all, read_tensors
from mnistlib.train import predict

WHITE = np.full((4, 28, 28), 255, np.uint8)


@pytest.fixture(scope="module")
def networks():
    return beyond.kept()


@pytest.mark.parametrize("kind", KINDS)
def test_strength_0_changes_nothing_and_others_change_images_the_same_way_each_time(kind, tiny):
    images = tiny.test.images[:8]
    assert np.array_equal(distorted(images, kind, 0), images / np.float32(255))
    for strength in KINDS[kind].strengths[1:]:
        found = distorted(images, kind, strength)
        assert (found.shape, found.dtype) == (images.shape, np.float32)
        assert found.min() >= -1e-6
        assert found.max() <= 1 + 1e-6
        assert np.array_equal(found, distorted(images, kind, strength))
        assert not np.allclose(found, images / 255, atol=0.01)


def point(row, column):
    image = np.zeros((28, 28), np.uint8)
    image[row, column] = 255
    return image


def test_shifts_go_by_whole_pixels_in_four_directions_in_turn():
    found = distorted(np.stack([point(14, 14)] * 4), "shift", 3)
    ways = [(14, 17), (14, 11), (17, 14), (11, 14)]
    assert np.allclose(found, np.stack([point(*way) for way in ways]) / 255, atol=1e-6)


def test_rotation_shear_and_size_are_as_large_as_they_say():
    line = np.zeros((2, 28, 28), np.uint8)
    line[:, 4:24, 13:15] = 255
    rows, columns = np.indices((28, 28)) - 13.5
    for kind, strength in (("rotation", 10), ("shear", 10)):
        found = distorted(line, kind, strength)
        slopes = (found * rows * columns).sum((1, 2)) / (found * rows**2).sum((1, 2))
        assert np.abs(np.degrees(np.arctan(slopes))) == pytest.approx([10, 10], abs=0.5)
        assert slopes[0] * slopes[1] < 0
    for kind, factor in (("smaller", 0.8), ("larger", 1.2)):
        assert distorted(line, kind, 0.2).sum() / 255 == pytest.approx(
            40 * 2 * factor**2 / 255, rel=0.1
        )


def test_strokes_get_thicker_and_thinner_by_so_many_pixels():
    line = np.zeros((1, 28, 28), np.uint8)
    line[:, :, 12:16] = 255
    for kind, change in (("thicker", 1), ("thinner", -1)):
        assert distorted(line, kind, 1)[0, 14].sum() == pytest.approx(4 + 2 * change, abs=0.4)


def test_a_bar_hides_a_strip_and_a_square_a_square():
    assert distorted(WHITE, "bar", 6).mean((1, 2)) == pytest.approx([1 - 6 / 28] * 4)
    assert distorted(WHITE, "square", 6).mean((1, 2)) == pytest.approx([1 - 36 / 784] * 4)


def made(accuracies, model="lenet5", seed=0, kind="blur"):
    strengths = KINDS[kind].strengths
    rows = zip(strengths, accuracies, strict=True)
    return pd.DataFrame([(kind, s, model, seed, a) for s, a in rows], columns=COLUMNS)


COLUMNS = ["kind", "strength", "model", "seed", "accuracy"]


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ((1, 1, 0.9, 0.8, 1, 1, 1), 0.75),
        ((1, 1, 1, 1, 1, 1, 1), 4),
        ((0.9, 0.8, 0, 0, 0, 0, 0), 0),
        ((0.95, 0.95, 0.9, 0, 0, 0, 0), 0.5),
    ],
)
def test_a_network_reaches_as_far_as_its_accuracy_is_at_the_level(accuracies, expected):
    assert reaches(made(accuracies), 0.95).item() == pytest.approx(expected)


def test_later_is_what_all_seeds_show_by_the_plans_rule():
    frames = []
    for kind, (_, _, strengths, _) in KINDS.items():
        for seed in range(10):
            plain = [1.0, *[0.0] * (len(strengths) - 1)]
            better = [1.0, 1.0, *[0.0] * (len(strengths) - 2)] if kind != "noise" else plain
            frames += [made(plain, "lenet5", seed, kind), made(better, "lenet5_reg", seed, kind)]
    frame = later(pd.concat(frames), 0.95, "lenet5_reg", "lenet5")
    assert frame["supported"].eq(frame.index != "noise").all()
    assert frame.loc["shift", "difference"] == pytest.approx(1)
    assert frame.loc["shift", "p_holm"] == pytest.approx(5 * 2 / 2**10)
    assert frame.loc["square", "p_holm"] == pytest.approx(7 * 2 / 2**10)


def test_calibration_by_hand_and_as_scikit_learn_says():
    said = np.tile([0.5, 0.5, *[0.0] * 8], (4, 1))
    labels = np.array([0, 0, 0, 1])
    found = calibration(said, labels)
    assert found["accuracy"] == 0.75
    assert found["ece"] == pytest.approx(0.25)
    expected = brier_score_loss(labels, said, labels=range(10), scale_by_half=False)
    assert found["brier"] == pytest.approx(expected)


def test_the_kept_weights_are_those_of_the_runs_that_decide(networks, digit_data):
    runs = {run.key: run for run in load_all(RUNS)}
    paths = sorted(WEIGHTS.glob("*/*.safetensors"))
    assert sum(path.stat().st_size for path in paths) < 8_000_000
    assert {path.parent.name for path in paths} == set(MODELS)
    for path in paths:
        run = runs[read_tensors(path)[1]["run"]]
        assert (run.recipe, run.seed) == (RECIPES[path.parent.name], int(path.stem[5:]))
        if digit_data.fingerprint == run.dataset["fingerprint"]:
            answers = predict(networks[run.recipe.model][run.seed], digit_data.test).argmax(1)
            assert (answers != run.answers).sum() <= 5  # another processor may tip a close call


def test_framing_leaves_mnists_own_digits_readable(networks, digit_data):
    digits = digit_data.test.take(np.arange(1_000), "1,000")
    again = np.stack([framed(image) for image in digits.images])
    for of_seeds in networks.values():
        for network in [*of_seeds.values()][:2]:
            plain, other = (
                (beyond.probabilities(network, images / np.float32(255)).argmax(1) == digits.labels)
                for images in (digits.images, again)
            )
            assert other.mean() >= 0.99 * plain.mean()


def test_a_digit_is_fitted_and_centred_wherever_it_was_drawn():
    ink = np.zeros((100, 60))
    ink[70:90, 5:15] = 3
    found = framed(ink)
    rows, columns = np.nonzero(found)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 10)
    assert (rows.min(), columns.min(), found.max()) == (4, 9, 255)
    assert not framed(np.zeros((5, 5))).any()
    assert len(collected("resized")) == 1_797
