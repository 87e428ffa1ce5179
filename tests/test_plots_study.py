import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mnistlib import plots
from mnistlib.plots.study import LEAST_ERROR, VERDICTS


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    fig.canvas.draw()  # ticks and layout are only made here
    plt.close(fig)


def test_strips_have_a_dot_a_seed_and_the_mean_in_its_interval(ax):
    accuracies = {"lenet5": [0.991, 0.993, 0.992], "mlp": [0.97, 0.98]}
    intervals = {"lenet5": (0.9915, 0.9925), "mlp": (0.972, 0.978)}
    plots.strips(ax, accuracies, intervals, reference=0.9905)
    dots = [points.get_offsets() for points in ax.collections]
    assert [sorted(row[:, 0]) for row in dots] == [sorted(v) for v in accuracies.values()]
    means = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"]
    assert means == pytest.approx([0.992, 0.975])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["LeNet-5", "MLP"]
    assert ax.yaxis_inverted()


def test_bands_go_from_the_least_to_the_greatest_seed(ax):
    runs = [{"test_accuracy": [0.9, 0.99]}, {"test_accuracy": [0.8, 1.0]}]
    plots.bands(ax, {"lenet5": runs}, "test_accuracy")
    assert ax.lines[0].get_ydata() == pytest.approx([0.15, (0.01 + LEAST_ERROR) / 2])
    outline = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (outline.min(), outline.max()) == pytest.approx((LEAST_ERROR, 0.2))
    assert (ax.get_yscale(), ax.get_title(loc="left")) == ("log", "test error")


def test_losses_are_drawn_as_they_are(ax):
    plots.bands(ax, {"mlp": [{"train_loss": [2.0, 1.0]}]}, "train_loss")
    assert ax.lines[0].get_ydata() == pytest.approx([2, 1])
    assert (ax.get_yscale(), ax.get_title(loc="left")) == ("linear", "training loss")


def test_a_forest_shows_each_difference_in_points_with_its_verdict(ax):
    frame = pd.DataFrame(
        {
            "difference": [0.002, -0.001],
            "low": [0.001, -0.003],
            "high": [0.003, 0.001],
            "p_holm": [0.01, 0.4],
            "seeds": [10, 9],
            "verdict": ["helps", "no evidence"],
        },
        index=["a", "b"],
    )
    plots.forest(ax, frame)
    bars = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2][:2]
    assert np.allclose(bars, [[0.1, 0.3], [-0.3, 0.1]])
    assert [text.get_text() for text in ax.texts] == [
        "helps   p = 0.010   n = 10",
        "no evidence   p = 0.400   n = 9",
    ]
    markers = [line.get_marker() for line in ax.lines if len(line.get_xdata()) == 1]
    assert markers == [VERDICTS["helps"][1], VERDICTS["no evidence"][1]]


def test_the_overlap_counts_images(ax):
    a = np.array([True, True, True, False, False])
    b = np.array([False, True, True, True, False])
    plots.overlap(ax, a, b, ("lenet5", "mlp"))
    assert [patch.get_width() for patch in ax.patches] == [1, 2, 1]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["LeNet-5 only: 1", "both: 2", "MLP only: 1"]


def test_the_gap_joins_training_and_test_error_and_draws_none_at_the_least(ax):
    frame = pd.DataFrame({"training error": [0.0, 0.01], "test error": [0.008, 0.005]})
    plots.gap(ax, frame.set_axis(["lenet5", "x"]))
    training, test = ax.lines
    assert training.get_xdata() == pytest.approx([LEAST_ERROR, 0.01])
    assert test.get_xdata() == pytest.approx([0.008, 0.005])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["LeNet-5", "x"]
    assert ax.get_xscale() == "log"


def test_both_ways_draws_each_technique_twice_in_points(ax):
    columns = ["alone", "alone_low", "alone_high", "within", "within_low", "within_high"]
    frame = pd.DataFrame([[2e-3, 1e-3, 3e-3, -1e-3, -2e-3, 0]], ["dropout"], columns)
    plots.both_ways(ax, frame, ("alone", "beside all others"))
    alone, within = ax.lines[:2]
    assert (alone.get_xdata()[0], within.get_xdata()[0]) == pytest.approx((0.2, -0.1))
    ends = [line.get_segments()[0][:, 0].tolist() for line in ax.collections]
    assert ends == [pytest.approx([0.1, 0.3]), pytest.approx([-0.2, 0.0])]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["alone", "beside all others"]


def test_the_chosen_shape_is_set_apart(ax):
    widths, accuracies = np.array([10, 58, 80]), np.array([0.95, 0.97, 0.96])
    plots.shapes(ax, widths, accuracies, widths == 58, "58-166-36")
    others, chosen = ax.lines
    assert (list(others.get_xdata()), list(chosen.get_xdata())) == ([10, 80], [58])
    assert chosen.get_color() == plots.COLOURS["mlp"]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["other shapes", "58-166-36"]
