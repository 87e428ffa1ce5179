"""Figures: what is drawn is what was given, and nothing is loaded, shown or left open."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import same_color, to_rgb

mpl.use("Agg")

import matplotlib.pyplot as plt

from mnistlib import plots
from mnistlib.base import UserError
from mnistlib.config import MODELS
from mnistlib.counting import derive
from mnistlib.plots.curves import spread

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 28, 28), dtype=np.uint8)
LABELS = np.arange(20) % 10
HISTORY = {
    "train_loss": [0.30, 0.10, 0.05],
    "test_loss": [0.20, 0.09, 0.08],
    "train_accuracy": [0.90, 0.97, 0.99],
    "test_accuracy": [0.93, 0.975, 0.98],
}


@pytest.fixture(autouse=True)
def _closed_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(plt, "show", lambda *_: pytest.fail("a plot function showed the figure"))
    yield
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()  # a figure that cannot be drawn is none
    plt.close("all")


def figure(rows: int = 1, columns: int = 1):
    return plt.subplots(rows, columns)[1]


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def drawn_pictures(axes) -> list[np.ndarray]:
    return [ax.images[0].get_array() for ax in np.ravel(axes) if ax.images]


def test_learning_curves_draw_the_four_curves_that_were_given():
    axes = figure(1, 2)
    assert plots.learning_curves(HISTORY, axes, "mlp") is axes
    for ax, panel in zip(axes, ("loss", "accuracy"), strict=True):
        train, test = ax.lines
        assert list(train.get_xdata()) == [1, 2, 3]
        assert list(train.get_ydata()) == HISTORY[f"train_{panel}"]
        assert list(test.get_ydata()) == HISTORY[f"test_{panel}"]
        assert same_color(test.get_color(), plots.COLOURS["mlp"])


def test_learning_curves_are_labelled_with_their_last_values():
    axes = plots.learning_curves(HISTORY, figure(1, 2))
    assert {"training 0.050", "test 0.080"} <= set(texts(axes[0]))
    assert {"training 99.00\N{NO-BREAK SPACE}%", "test 98.00\N{NO-BREAK SPACE}%"} <= set(
        texts(axes[1])
    )


def test_zoom_shows_all_that_follows_the_first_epoch_and_says_what_is_cut():
    long = {key: [*values, *values[-1:] * 2] for key, values in HISTORY.items()}  # 5 epochs
    loss, accuracy = plots.learning_curves(long, figure(1, 2))
    assert loss.get_ylim()[0] == 0
    assert 0.10 < loss.get_ylim()[1] < 0.20
    assert 0.93 < accuracy.get_ylim()[0] < 0.97
    assert accuracy.get_ylim()[1] > 0.99
    assert "epoch 1: 0.30" in texts(loss)
    assert "epoch 1: from 90.0\N{NO-BREAK SPACE}%" in texts(accuracy)


def test_a_few_epochs_are_shown_whole():
    loss, accuracy = plots.learning_curves(HISTORY, figure(1, 2))
    assert loss.get_ylim()[1] > max(HISTORY["train_loss"])
    assert accuracy.get_ylim()[0] < min(HISTORY["train_accuracy"])
    assert not any("epoch 1" in text for ax in (loss, accuracy) for text in texts(ax))


def test_several_seeds_become_their_mean_and_a_band():
    other = {key: [value + 0.02 for value in values] for key, values in HISTORY.items()}
    loss, _ = plots.learning_curves([HISTORY, other], figure(1, 2))
    np.testing.assert_allclose(loss.lines[1].get_ydata(), [0.21, 0.10, 0.09])
    band = loss.collections[1].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.08)
    assert band[:, 1].max() == pytest.approx(0.22)


def test_a_single_epoch_is_drawn_as_points():
    one = {key: values[:1] for key, values in HISTORY.items()}
    loss, _ = plots.learning_curves(one, figure(1, 2))
    assert [line.get_marker() for line in loss.lines] == ["o", "o"]
    low, high = loss.get_ylim()
    assert low < 0.20 < 0.30 < high


@pytest.mark.parametrize(
    "wrong", [{}, {**HISTORY, "test_loss": []}, [HISTORY, {"train_loss": [1]}]]
)
def test_missing_or_uneven_curves_are_a_user_error(wrong):
    with pytest.raises(UserError, match="epochs of"):
        plots.learning_curves(wrong, figure(1, 2))


def test_each_model_has_its_own_colour_in_every_figure():
    curves, _ = plots.compare_curves(dict.fromkeys(reversed(MODELS), HISTORY), figure(1, 2))
    compared = [line.get_color() for line in curves.lines if line.get_linewidth() == 1.8]
    forest = plots.accuracy_intervals(MODELS, [0.99] * 3, [0.98] * 3, [1] * 3, figure())
    points = [line.get_color() for line in forest.lines if line.get_marker() == "o"]
    assert compared[::-1] == points == [plots.COLOURS[name] for name in MODELS]
    assert set(plots.COLOURS) == set(MODELS)


def test_names_that_are_no_models_get_colours_that_no_model_has():
    palette = plots.colours(["all", "mlp", "all − augmentation"])
    assert palette["mlp"] == plots.COLOURS["mlp"]
    assert len({*palette.values(), *plots.COLOURS.values()}) == 5


@pytest.mark.parametrize("positions", [[0.5, 0.5, 0.52], [0.9, 0.1, 0.95], [0.2, 0.8]])
def test_spread_keeps_order_and_distance_and_moves_no_more_than_needed(positions):
    moved = spread(np.array(positions), 0.1)
    assert (np.argsort(moved) == np.argsort(positions, kind="stable")).all()
    assert np.diff(np.sort(moved)).min() >= 0.1 - 1e-12
    assert moved.mean() == pytest.approx(np.mean(positions))
    assert (spread(np.array([0.2, 0.8]), 0.1) == [0.2, 0.8]).all()


def test_confusion_matrix_writes_every_count_and_colours_only_the_errors():
    matrix = np.diag(np.full(10, 1000))
    matrix[4, 9], matrix[7, 1] = 12, 3
    ax = figure()
    assert plots.confusion_matrix(matrix, ax) is ax
    assert sorted(filter(None, texts(ax))) == sorted(["1,000"] * 10 + ["12", "3"])
    cells = ax.collections[0]
    assert np.ma.count_masked(cells.get_array()) == 10
    assert cells.get_clim() == (0, 12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("prediction", "label")


def test_confusion_matrix_puts_predictions_across_and_labels_down():
    matrix = np.zeros((10, 10), int)
    matrix[4, 9] = 12
    ax = plots.confusion_matrix(matrix, figure())
    (text,) = [text for text in ax.texts if text.get_text() == "12"]
    assert text.get_position() == (9.5, 4.5)


def test_digit_grid_draws_each_image_on_one_scale_and_hides_the_rest():
    axes = figure(2, 3)
    assert plots.digit_grid(IMAGES[:5], LABELS[:5], axes) is axes
    np.testing.assert_array_equal(drawn_pictures(axes), IMAGES[:5])
    assert len({ax.images[0].get_clim() for ax in axes.flat[:5]}) == 1
    assert [ax.get_title() for ax in axes.flat[:5]] == ["0", "1", "2", "3", "4"]
    assert not axes[1, 2].axison


def test_more_images_than_axes_are_a_user_error():
    with pytest.raises(UserError, match="found 2 axes for 3 pictures"):
        plots.digit_grid(IMAGES[:3], None, figure(1, 2))


def test_error_gallery_says_label_prediction_and_confidence():
    axes = figure(1, 2)
    guesses, sure = np.array([9, 7]), np.array([0.99996, 0.5])
    plots.error_gallery(IMAGES[:2], np.array([4, 2]), guesses, sure, axes)
    titles = [ax.get_title().replace("\N{NO-BREAK SPACE}", " ") for ax in axes]
    assert titles == ["4 → 9\n99.9 %", "2 → 7\n50.0 %"]


def test_augmentation_grid_starts_each_row_with_the_original():
    axes = figure(2, 4)
    variants = IMAGES[2:8].reshape(2, 3, 28, 28)
    assert plots.augmentation_grid(IMAGES[:2], variants, axes) is axes
    pictures = np.reshape(drawn_pictures(axes), (2, 4, 28, 28))
    np.testing.assert_array_equal(pictures[:, 0], IMAGES[:2])
    np.testing.assert_array_equal(pictures[:, 1:], variants)


def test_class_means_are_means_and_deviations_of_each_class():
    axes = figure(2, 10)
    plots.class_means(IMAGES, LABELS, axes)
    pair = IMAGES[[3, 13]].astype(float)  # the two images of class 3
    np.testing.assert_allclose(axes[0, 3].images[0].get_array(), pair.mean(axis=0))
    np.testing.assert_allclose(axes[1, 3].images[0].get_array(), pair.std(axis=0))


@pytest.mark.parametrize(
    ("plot", "values"),
    [
        (plots.filters, RNG.normal(size=(6, 1, 5, 5))),
        (plots.feature_maps, RNG.normal(size=(6, 10, 10))),
    ],
)
def test_signed_pictures_share_a_scale_with_zero_in_the_middle(plot, values):
    axes = figure(2, 3)
    assert plot(values, axes) is axes
    np.testing.assert_array_equal(np.ravel(drawn_pictures(axes)), values.ravel())
    bound = np.abs(values).max()
    assert {ax.images[0].get_clim() for ax in axes.flat} == {(-bound, bound)}


def test_pixel_histogram_shows_all_pixels():
    ax = figure()
    assert plots.pixel_histogram(IMAGES, ax) is ax
    heights = [bar.get_height() for bar in ax.patches]
    assert sum(heights) == pytest.approx(1)
    assert heights[0] == pytest.approx(np.mean(IMAGES < 8))


def test_class_balance_shows_the_share_of_each_class_in_each_set():
    ax = plots.class_balance(np.array([0, 0, 0, 9]), np.array([1, 9]), figure())
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == [0.75, *[0] * 8, 0.25, 0, 0.5, *[0] * 7, 0.5]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "training (n = 4)",
        "test (n = 2)",
    ]


def test_embedding_names_each_class_where_it_is_densest():
    points = np.column_stack([LABELS, -LABELS]) + RNG.normal(0, 0.1, (20, 2))
    ax = plots.embedding(points, LABELS, figure())
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), points)
    assert texts(ax) == [str(digit) for digit in range(10)]
    assert ax.texts[7].get_position() in list(map(tuple, points[LABELS == 7]))
    split = np.array([[0.0, 0], [0.1, 0], [0.2, 0], [9, 0], [20, 0]])  # the median is no island
    ax = plots.embedding(split, np.zeros(5, int), figure())
    assert ax.texts[0].get_position()[0] <= 0.2


def test_parameter_bars_are_as_long_as_the_models_are_large():
    ax = plots.parameters_bars({name: derive(name) for name in MODELS}, figure())
    ends = {}
    for bar in ax.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = max(ends.get(row, 0), bar.get_x() + bar.get_width())
    assert ends == {0: 61_706, 1: 61_706, 2: 62_158}
    assert [label.get_text() for label in ax.get_yticklabels()][1] == "MLP"


def test_forest_draws_each_interval_its_value_and_the_reference():
    ax = plots.accuracy_intervals(
        ["mlp", "x"], [0.98, 0.99], [0.97, 0.985], [0.99, 0.995], figure()
    )
    intervals = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert intervals == [(0.97, 0.99), (0.985, 0.995), (0.9905, 0.9905)]
    words = [text.replace("\N{NO-BREAK SPACE}", " ") for text in texts(ax)]
    assert words == ["98.00 %", "99.00 %", "99.05 %, LeCun et al. 1998"]
    low, high = ax.get_ylim()
    assert low > high  # the first name is on top


def test_forest_without_reference_has_no_line():
    ax = plots.accuracy_intervals(["x"], [0.98], [0.97], [0.99], figure(), reference=None)
    assert len(ax.lines) == 2


@pytest.mark.parametrize(
    ("limits", "expected"),
    [((0.974, 1.0), "98.0 %"), ((0.0, 0.12), "10 %"), ((0.9901, 0.9912), "99.10 %")],
)
def test_percent_axis_has_the_decimals_that_its_ticks_need(limits, expected):
    ax = figure()
    ax.set_ylim(*limits)
    plots.percent_axis(ax.yaxis)
    ax.figure.canvas.draw()
    labels = [label.get_text().replace("\N{NO-BREAK SPACE}", " ") for label in ax.get_yticklabels()]
    assert expected in labels
    assert len(set(labels)) == len(labels)


def test_labels_are_readable_on_white():
    for colour in plots.COLOURS.values():
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in to_rgb(plots.legible(colour))
        ]
        assert 1.05 / (np.dot([0.2126, 0.7152, 0.0722], linear) + 0.05) > 4.5  # WCAG 2.1, AA


def test_style_is_applied_on_import_and_again_on_request():
    with mpl.rc_context({"axes.grid": False}):
        plots.use_style()
        assert mpl.rcParams["axes.grid"]
