"""Figures: what is drawn is what was given. The notebooks' own tests call every function."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import same_color

mpl.use("Agg")

import matplotlib.pyplot as plt

from mnistlib import config, plots
from mnistlib.config import MODELS
from mnistlib.counting import derive
from mnistlib.plots.style import VERDICTS

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 28, 28), dtype=np.uint8)
HISTORY = {
    "train_loss": [0.30, 0.10, 0.05],
    "test_loss": [0.20, 0.09, 0.08],
    "train_accuracy": [0.90, 0.97, 0.99],
    "test_accuracy": [0.93, 0.975, 0.98],
}


@pytest.fixture(autouse=True)
def _drawn_and_closed():
    yield
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()  # a figure that cannot be drawn is none
    plt.close("all")


@pytest.fixture
def ax():
    return plt.subplots()[1]


def plain(texts) -> list[str]:
    return [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in texts]


def ends(ax) -> list[list[float]]:
    """Where each interval starts and stops, first row first."""
    lines = [c for c in ax.collections if isinstance(c, LineCollection)]
    return [segment[:, 0].tolist() for line in lines for segment in line.get_segments()]


@pytest.mark.parametrize("epochs", [3, 5])
def test_learning_curves_draw_the_four_curves_and_zoom_to_what_follows_the_first(epochs):
    longer = {key: [*values, *values[-1:] * (epochs - 3)] for key, values in HISTORY.items()}
    axes = plt.subplots(1, 2)[1]
    assert plots.learning_curves(longer, axes, "mlp") is axes
    for ax, panel in zip(axes, ("loss", "accuracy"), strict=True):
        train, test = ax.lines
        assert list(train.get_xdata()) == list(range(1, epochs + 1))
        assert list(train.get_ydata()) == longer[f"train_{panel}"]
        assert list(test.get_ydata()) == longer[f"test_{panel}"]
        assert same_color(test.get_color(), plots.COLOURS["mlp"])
        assert ("may lie outside" in ax.get_xlabel()) == (epochs == 5)  # few are shown whole
    assert {"training 0.050", "test 0.080"} <= set(plain(axes[0].texts))
    assert {"training 99.00 %", "test 98.00 %"} <= set(plain(axes[1].texts))
    top, bottom = axes[0].get_ylim()[1], axes[1].get_ylim()[0]
    assert (0.10 < top < 0.20, 0.93 < bottom < 0.97) == (epochs == 5, epochs == 5)
    assert (top > 0.30, bottom < 0.90) == (epochs == 3, epochs == 3)


def test_bands_go_from_the_least_to_the_greatest_seed(ax):
    runs = [{"test_accuracy": [0.9, 0.99]}, {"test_accuracy": [0.8, 1.0]}]
    plots.bands(ax, {"lenet5": runs}, "test_accuracy")
    assert ax.lines[0].get_ydata() == pytest.approx([0.15, 0.005])
    outline = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (outline.min(), outline.max()) == pytest.approx((plots.LEAST_ERROR, 0.2))
    assert ax.get_title(loc="left") == "test error"


def test_a_model_of_ones_own_keeps_its_colour_and_title_beside_any_others(monkeypatch):
    monkeypatch.setattr(plots.style, "TITLES", {**config.TITLES, "wide": "Twice as wide"})
    alone, beside = plots.colours(["wide"]), plots.colours(["all − averaging", "mlp", "wide"])
    assert alone["wide"] == beside["wide"]
    assert len({*beside.values(), *plots.COLOURS.values()}) == 6
    assert beside["mlp"] == plots.COLOURS["mlp"]
    assert (plots.title("wide"), plots.title("no model")) == ("Twice as wide", "no model")


def test_confusion_matrix_writes_every_count_and_colours_only_the_errors(ax):
    matrix = np.diag(np.full(10, 1000))
    matrix[4, 9], matrix[7, 1] = 12, 3  # label 4, prediction 9
    plots.confusion_matrix(matrix, ax)
    words = {text.get_position(): text.get_text() for text in ax.texts if text.get_text()}
    right = {(i + 0.5, i + 0.5): "1,000" for i in range(10)}
    assert words == {**right, (9.5, 4.5): "12", (1.5, 7.5): "3"}
    assert np.ma.count_masked(ax.collections[0].get_array()) == 10
    assert ax.collections[0].get_clim() == (0, 12)


def test_digit_grid_draws_each_image_on_one_scale_and_hides_the_rest():
    axes = plt.subplots(2, 3)[1]
    assert plots.digit_grid(IMAGES[:5], range(5), axes) is axes
    drawn = [ax.images[0].get_array() for ax in axes.flat[:5]]
    np.testing.assert_array_equal(drawn, IMAGES[:5])
    assert len({ax.images[0].get_clim() for ax in axes.flat[:5]}) == 1
    assert [ax.get_title() for ax in axes.flat[:5]] == ["0", "1", "2", "3", "4"]
    assert not axes[1, 2].axison
    with pytest.raises(ValueError, match="longer"):
        plots.digit_grid(IMAGES[:3], None, axes[0, :2])


def test_parameter_bars_are_as_long_as_the_models_are_large(ax):
    plots.parameters_bars({name: derive(name) for name in MODELS}, ax)
    ends = {round(bar.get_y() + 0.3): bar.get_x() + bar.get_width() for bar in ax.patches}
    assert ends == {0: 61_706, 1: 61_706, 2: 62_158}
    assert plain(ax.get_yticklabels())[1] == "MLP"
    small = {"conv1 156, conv2 2,416", "fc3 850", "out 370", "bn3 240", "bn4 168, fc3 850"}
    assert small < {*plain(ax.texts)}


def test_strips_have_a_dot_a_seed_and_the_mean_in_its_interval(ax):
    accuracies = {"lenet5": [0.991, 0.993, 0.992], "mlp": [0.97, 0.98]}
    intervals = {"lenet5": (0.9915, 0.9925), "mlp": (0.972, 0.978)}
    plots.strips(ax, accuracies, intervals, (0.9905, 0.9884, 0.9922))
    assert ends(ax) == [list(pair) for pair in intervals.values()]
    assert plain(ax.texts) == ["99.20 %", "97.50 %", "99.05 %, LeCun et al. 1998"]
    assert ax.patches[0].get_bbox().intervalx == pytest.approx((0.9884, 0.9922))
    dots = [points.get_offsets()[:, 0] for points in ax.collections[::2]]
    assert [list(row) for row in dots] == [sorted(v) for v in accuracies.values()]
    means = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "|"]
    assert means == pytest.approx([0.992, 0.975])
    assert (plain(ax.get_yticklabels()), ax.yaxis_inverted()) == (["LeNet-5", "MLP"], True)


def test_a_forest_shows_each_difference_in_points_with_its_verdict(ax):
    columns = ["difference", "low", "high", "p_holm", "seeds", "verdict"]
    rows = [[0.002, 0.001, 0.003, 0.01, 10, "helps"], [-0.001, -0.003, 0.001, 0.4, 9, "hurts"]]
    plots.forest(ax, pd.DataFrame(rows, ["a", "b"], columns))
    np.testing.assert_allclose(ends(ax), [[0.1, 0.3], [-0.3, 0.1]])
    assert plain(ax.texts) == ["helps   p = 0.010   n = 10", "hurts   p = 0.400   n = 9"]
    markers = [line.get_marker() for line in ax.lines if len(line.get_xdata()) == 1]
    assert markers == [VERDICTS["helps"][1], VERDICTS["hurts"][1]]


def test_percent_axis_has_the_decimals_that_its_ticks_need(ax):
    ax.set(xticks=[0, 0.0005, 0.1, 0.9905, 1])
    plots.percent_axis(ax.xaxis)
    assert plain(ax.get_xticklabels()) == ["0 %", "0.05 %", "10 %", "99.05 %", "100 %"]


@pytest.mark.parametrize("colour", plots.COLOURS.values())
def test_labels_are_readable_on_white(ax, colour):
    plots.beside(ax, 0, "words", colour)
    parts = np.array(ax.texts[0].get_color())
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) > 4.5  # WCAG 2.1, AA
