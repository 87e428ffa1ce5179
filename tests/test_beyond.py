"""Distortions, what is read off them, and digits that others collected or drew."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from mnistlib import beyond, draw
from mnistlib.augment import DEFAULT
from mnistlib.base import DataError, UserError
from mnistlib.beyond import accuracies, answers, calibration, later, reaches
from mnistlib.config import ALL, MODELS
from mnistlib.dataset import Digits
from mnistlib.dataset.framing import collected, framed, others
from mnistlib.distortion import KINDS, distorted
from mnistlib.model import TITLES


@pytest.fixture(scope="module")
def networks():
    return {model: {30: seeds[30]} for model, seeds in beyond.kept().items()}


def alike(image, n=4):
    return Digits(np.stack([np.asarray(image, np.uint8)] * n), np.zeros(n, np.int64), "made")


def changed(image, kind, strength):
    """Pictures in [0, 1] of neighbouring digits that were the same."""
    return distorted(alike(image), kind, strength).images / 255


@pytest.mark.parametrize("kind", KINDS)
def test_each_strength_changes_every_digit_the_same_way_each_time_and_0_none(kind, tiny):
    digits = tiny.test.take(np.arange(8), "eight")
    assert np.array_equal(distorted(digits, kind, 0).images, digits.images)
    assert KINDS[kind].strengths[0] == 0
    for strength in KINDS[kind].strengths[1:]:
        found = distorted(digits, kind, strength)
        assert np.array_equal(found.images, distorted(digits, kind, strength).images)
        same = (found.images == digits.images).all((1, 2))
        assert not same.all()
        assert not same.any() or kind in ("bar", "square")  # which may miss the ink
        assert np.array_equal(found.labels, digits.labels)


@pytest.mark.parametrize("strength", [-1, 4.1, np.nan])
def test_a_strength_beyond_the_range_is_refused(strength, tiny):
    with pytest.raises(UserError, match=r"strength=.* is out of range; give 0 to 4"):
        distorted(tiny.test, "blur", strength)


def test_the_strengths_of_training_are_those_of_the_regularized_recipe():
    bounds = DEFAULT.times(ALL.distortion)
    slant = np.degrees(np.arctan(bounds.shear)).round()
    expected = bounds.pixels, bounds.degrees, bounds.scale, bounds.scale, slant
    assert [kind.trained for kind in KINDS.values() if kind.trained] == pytest.approx(expected)


def test_an_unknown_kind_lists_those_there_are():
    with pytest.raises(UserError, match=r"'blurr'\. Did you mean 'blur'"):
        distorted(alike(np.zeros((28, 28))), "blurr", 1)


def test_shifts_go_by_whole_pixels_in_four_directions_in_turn():
    image = np.zeros((28, 28))
    image[14, 14] = 255
    found = changed(image, "shift", 3)
    assert [tuple(ink) for ink in np.argwhere(found)[:, 1:]] == [
        (14, 17),
        (14, 11),
        (17, 14),
        (11, 14),
    ]


def test_rotation_shear_and_size_are_as_large_as_they_say():
    line = np.zeros((28, 28))
    line[4:24, 13:15] = 255
    rows, columns = np.indices((28, 28)) - 13.5
    for kind in ("rotation", "shear"):
        found = changed(line, kind, 10)[:2]
        slopes = (found * rows * columns).sum((1, 2)) / (found * rows**2).sum((1, 2))
        assert np.abs(np.degrees(np.arctan(slopes))) == pytest.approx([10, 10], abs=0.5)
        assert slopes[0] * slopes[1] < 0
    for kind, factor in (("smaller", 0.8), ("larger", 1.2)):
        assert changed(line, kind, 0.2)[0].sum() == pytest.approx(40 * factor**2, rel=0.1)


def test_strokes_get_thicker_and_thinner_by_so_many_pixels_at_each_edge():
    line = np.zeros((28, 28))
    line[:, 12:16] = 255
    for kind, width in (("thicker", 6), ("thinner", 2)):
        assert changed(line, kind, 1)[0, 14].sum() == pytest.approx(width, abs=0.4)


def test_a_bar_hides_a_strip_and_a_square_a_square():
    white = np.full((28, 28), 255)
    assert changed(white, "bar", 6).mean((1, 2)) == pytest.approx([1 - 6 / 28] * 4)
    assert changed(white, "square", 6).mean((1, 2)) == pytest.approx([1 - 36 / 784] * 4)


def test_noise_blur_and_contrast_do_what_their_numbers_say():
    grey = np.full((28, 28), 128)
    assert changed(grey, "noise", 0.1).std() == pytest.approx(0.1, rel=0.05)
    point = np.zeros((28, 28))
    point[14, 14] = 255
    assert changed(point, "blur", 1)[0].max() == pytest.approx(1 / (2 * np.pi), rel=0.05)
    half = np.zeros((28, 28))
    half[:14] = 255
    assert np.unique(changed(half, "contrast", 0.6)) == pytest.approx([0.3, 0.7], abs=0.01)


def made(accuracies, model="lenet5", seed=0, kind="blur"):
    rows = zip(KINDS[kind].strengths, accuracies, strict=True)
    columns = ["kind", "strength", "model", "seed", "accuracy"]
    return pd.DataFrame([(kind, s, model, seed, a) for s, a in rows], columns=columns)


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ((1, 1, 0.9, 0.8, 1, 1), 0.75),
        ((1, 1, 1, 1, 1, 1), 4),
        ((0.9, 0.8, 0, 0, 0, 0), 0),
        ((0.95, 0.95, 0.9, 0, 0, 0), 0.5),
    ],
)
def test_a_network_reaches_as_far_as_its_accuracy_is_at_the_level(accuracies, expected):
    assert reaches(made(accuracies), 0.95).item() == pytest.approx(expected)


def test_later_is_what_the_planned_test_says_of_shared_seeds():
    frames = []
    for kind, about in KINDS.items():
        low = [1.0, *[0.0] * (len(about.strengths) - 1)]
        high = [1.0, 1.0, *low[2:]]
        pair = {"noise": (low, low), "blur": (high, low)}.get(kind, (low, high))
        for seed in range(10):
            both = zip(("lenet5", "lenet5_reg"), pair, strict=True)
            frames += [made(values, model, seed, kind) for model, values in both]
        frames.append(made(high, "lenet5", 10, kind))  # a seed that only one of them has
    frame = later(pd.concat(frames), 0.95, "lenet5_reg", "lenet5")
    words = {"noise": "not shown", "blur": "less far"}
    assert frame["verdict"].to_dict() == {kind: words.get(kind, "farther") for kind in KINDS}
    assert frame.loc["shift", "difference"] == pytest.approx(1)
    assert frame.loc["shift", "p_holm"] == pytest.approx(5 * 2 / 2**10)
    assert frame.loc["square", "p_holm"] == pytest.approx(7 * 2 / 2**10)


def test_calibration_by_hand_and_as_scikit_learn_says():
    said = np.tile([0.6, 0.4, *[0.0] * 8], (4, 1))
    said[2:, :2] = 0.9, 0.1
    labels = np.array([0, 0, 0, 1])  # all right at 60 %, half of them at 90 %
    found = calibration(said, labels)
    assert found["ece"] == pytest.approx((0.4 + 0.4) / 2)
    assert found["too_sure"] == pytest.approx(0.75 - 0.75)
    expected = brier_score_loss(labels, said, labels=range(10), scale_by_half=False)
    assert found["brier"] == pytest.approx(expected)


def test_curves_have_a_row_for_each_network_and_strength(networks, tiny):
    only = {"mlp": networks["mlp"]}
    frame = beyond.curves(only, tiny.test)
    assert len(frame) == sum(len(kind.strengths) for kind in KINDS.values())
    plain = accuracies(answers(only, tiny.test), tiny.test.labels)["mlp"][0]
    assert (frame.loc[frame["strength"] == 0, "accuracy"] == plain).all()
    three = distorted(tiny.test, "shift", 3)
    moved = accuracies(answers(only, three), tiny.test.labels)["mlp"][0]
    found = frame[(frame["kind"] == "shift") & (frame["strength"] == 3)]["accuracy"].item()
    assert found == moved < plain


def test_without_weights_the_way_to_make_them_is_named(tmp_path):
    (tmp_path / "lenet5").mkdir()
    (tmp_path / "lenet5" / "seed-best.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match=r"lenet5: found no weights of any seed.*git checkout"):
        beyond.kept(folder=tmp_path)


def test_occlusion_is_what_hiding_a_part_costs(networks, tiny):
    network, image, label = networks["lenet5"][30], tiny.test.images[3], tiny.test.labels[3]
    found = beyond.occlusion(network, image, label)
    hidden = image.copy()
    hidden[7:14, 9:16] = 0
    both = Digits(np.stack([image, hidden]), np.array([label, label]))
    before, after = answers({"lenet5": {0: network}}, both)["lenet5"][0, :, label]
    assert found[10, 12] == pytest.approx(before - after, abs=1e-6)
    assert found[0, 0] == pytest.approx(0, abs=1e-6)  # there is no ink


def test_features_are_what_the_last_layer_makes_answers_of(networks, tiny):
    network = networks["lenet5"][30]
    seen = beyond.features(network, tiny.test)
    assert seen.shape == (100, 84)
    logits = seen @ network.fc3.weight.detach().numpy().T + network.fc3.bias.detach().numpy()
    said = answers({"lenet5": {0: network}}, tiny.test)["lenet5"][0]
    assert np.array_equal(logits.argmax(1), said.argmax(1))


def test_framing_leaves_mnists_own_digits_readable(networks, digit_data):
    asked = digit_data.test.take(np.arange(1_000), "1,000")
    digits = Digits(np.stack([framed(i) for i in asked.images]), asked.labels, "framed again")
    plain = accuracies(answers(networks, asked), digits.labels)
    found = accuracies(answers(networks, digits), digits.labels)
    assert {model for model in MODELS if found[model][0] >= 0.99 * plain[model][0]} == {*MODELS}


def test_a_digit_is_fitted_and_centred_wherever_it_was_drawn():
    ink = np.zeros((100, 60))
    ink[70:90, 5:15] = 3
    found = framed(ink)
    rows, columns = np.nonzero(found)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 10)
    assert (rows.min(), columns.min(), found.max()) == (4, 9, 255)
    assert not framed(np.zeros((5, 5))).any()
    with pytest.raises(UserError, match="unknown step 'centered'"):
        framed(ink, "centered")
    assert len(collected("resized")) == 1_797


def test_digits_of_ones_own_come_as_they_are_and_framed_or_are_refused(folder, tiny, tmp_path):
    plain, again = others(folder / "test.tar")
    assert np.array_equal(plain.images, tiny.test.images)
    assert np.array_equal(again.images[0], framed(tiny.test.images[0]))
    assert others("") == []
    with pytest.raises(UserError, match="expected the path"):
        others(5)
    (tmp_path / "1_x.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="1_x"):
        others(tmp_path)


def test_a_drawing_is_answered_by_what_the_networks_say_of_it_framed(networks, tiny):
    drawing = draw.Drawing(networks)
    assert drawing.said == {}
    ink = np.zeros((draw.SIDE, draw.SIDE), np.uint8)
    ink[:56, :56] = np.kron(tiny.test.images[0], np.ones((2, 2), np.uint8))  # small, in a corner
    drawing.set_state({"ink": memoryview(ink.tobytes())})  # as it comes from a browser
    assert [words for words, _ in drawing.stages] == [*draw.STAGES.values()]
    assert all(url.startswith("data:image/png;base64,iVBOR") for _, url in drawing.stages)
    assert list(drawing.said) == [TITLES[model] for model in networks]
    read = [int(np.argmax(said)) for said in drawing.said.values()]
    assert read == [tiny.test.labels[0]] * 3
    drawing.set_state({"ink": memoryview(bytes(draw.SIDE**2))})
    assert drawing.said == {}
