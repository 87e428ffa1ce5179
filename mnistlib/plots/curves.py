"""Loss and accuracy over the epochs, for one model or for several side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy.optimize import isotonic_regression

from mnistlib.base import UserError
from mnistlib.plots.style import INK, MUTED, colours, legible, percent, percent_axis, title

History = Mapping[str, Sequence[float]]
PANELS = ("loss", "accuracy")
WORDS = {"train": "training", "test": "test"}
DASHED = (0, (4, 1.5))
ENOUGH_TO_ZOOM = 5  # epochs; with fewer the first one is a large part of the curve
LABEL_GAP = 13  # points between two labels at the end of lines


def learning_curves(
    histories: History | Sequence[History], axes: np.ndarray, name: str = "lenet5"
) -> np.ndarray:
    """One model's loss (left) and accuracy (right) on training and test digits.

    The axes are zoomed to what follows the first epoch. Of several seeds it draws the mean and, as
    a band, the least and the greatest.

    Args:
        histories: of one run or of several seeds, each with train_loss, test_loss, train_accuracy
            and test_accuracy, a value an epoch.
        axes: two axes.
        name: the model, for its colour and title.

    Raises:
        UserError: a curve is missing, or seeds have different numbers of epochs.
    """
    colour = colours([name])[name]
    for ax, panel in zip(axes, PANELS, strict=True):
        curves = {split: stack(histories, f"{split}_{panel}") for split in ("train", "test")}
        _draw(ax, curves["train"], color=MUTED, linestyle=DASHED)
        _draw(ax, curves["test"], color=colour)
        _finish(ax, panel, list(curves.values()))
        ends = {f"{WORDS[k]} {_value(v, panel)}": v.mean(axis=0)[-1] for k, v in curves.items()}
        label_ends(ax, ends, [MUTED, colour])
        ax.set_title(f"{title(name)}: {panel}")
    return axes


def compare_curves(
    histories: Mapping[str, History | Sequence[History]], axes: np.ndarray
) -> np.ndarray:
    """Several models' loss (left) and accuracy (right); test solid, training dashed and pale.

    Args:
        histories: by model, each as in learning_curves.
        axes: two axes.

    Raises:
        UserError: as learning_curves.
    """
    palette = colours(histories)
    for ax, panel in zip(axes, PANELS, strict=True):
        shown, ends = [], {}
        for name, runs in histories.items():
            train, test = (stack(runs, f"{split}_{panel}") for split in ("train", "test"))
            pale = {"linestyle": DASHED, "linewidth": 1.1, "alpha": 0.6}
            _draw(ax, train, band=False, color=palette[name], **pale)
            _draw(ax, test, color=palette[name])
            shown += [train, test]
            ends[f"{title(name)} {_value(test, panel)}"] = test.mean(axis=0)[-1]
        _finish(ax, panel, shown)
        label_ends(ax, ends, list(palette.values()))
        ax.set_title(panel.capitalize())
    _explain_lines(axes[0])
    return axes


def stack(histories: History | Sequence[History], key: str) -> np.ndarray:
    """One curve of every seed: float [seeds, epochs].

    Raises:
        UserError: the curve is missing or empty, or seeds have different numbers of epochs.
    """
    runs = [histories] if isinstance(histories, Mapping) else list(histories)
    lengths = {len(run.get(key, ())) for run in runs}
    if len(lengths) != 1 or 0 in lengths:
        raise UserError(
            f"found {sorted(lengths)} epochs of {key} in {len(runs)} histories; "
            "expected the same number, at least 1, in each"
        )
    return np.array([run[key] for run in runs], dtype=float)


def _draw(ax: Axes, values: np.ndarray, band: bool = True, **line: object) -> None:
    epochs = np.arange(1, values.shape[1] + 1)
    marker = "o" if len(epochs) == 1 else None  # a line through one point is invisible
    (drawn,) = ax.plot(epochs, values.mean(axis=0), marker=marker, **line)
    if band and len(values) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        ax.fill_between(epochs, low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)


def _finish(ax: Axes, panel: str, curves: Sequence[np.ndarray]) -> None:
    """Zoom to what follows the first of many epochs, say what is cut, and name the axes."""
    skipped = 1 if curves[0].shape[1] >= ENOUGH_TO_ZOOM else 0
    later = np.concatenate([values[:, skipped:].ravel() for values in curves])
    low, high = (0.0, later.max()) if panel == "loss" else (later.min(), later.max())
    margin = 0.06 * (high - low) or 0.01
    ax.set_ylim(low - margin * (panel == "accuracy"), high + margin)
    ax.set_xlim(0.5, curves[0].shape[1] + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    ax.set(xlabel="epoch", ylabel="cross-entropy per image" if panel == "loss" else "accuracy")
    if panel == "accuracy":
        percent_axis(ax.yaxis)
    _say_what_is_cut(ax, panel, np.concatenate([values[:, 0] for values in curves]))


def _say_what_is_cut(ax: Axes, panel: str, first: np.ndarray) -> None:
    bottom, top = ax.get_ylim()
    if panel == "loss" and first.max() > top:
        text, y, va = f"epoch 1: {first.max():.2f}", 1.02, "bottom"
    elif panel == "accuracy" and first.min() < bottom:
        text, y, va = f"epoch 1: from {percent(first.min(), 1)}", 0.03, "bottom"
    else:
        return
    ax.text(0.98, y, text, transform=ax.transAxes, ha="right", va=va, color=MUTED, fontsize=9)


def _value(values: np.ndarray, panel: str) -> str:
    last = values.mean(axis=0)[-1]
    return f"{last:.3f}" if panel == "loss" else percent(last)


def label_ends(ax: Axes, ends: Mapping[str, float], palette: Sequence[str]) -> None:
    """Write each line's label at its right end, moved apart where they would overlap.

    Args:
        ends: the line's last value, in data units, by label.
        palette: a colour for each label.
    """
    height = ax.get_window_extent().height * 72 / ax.figure.dpi
    bottom, top = ax.get_ylim()
    wanted = (np.array(list(ends.values())) - bottom) / (top - bottom)
    for label, y, colour in zip(ends, spread(wanted, LABEL_GAP / height), palette, strict=True):
        ax.annotate(
            label,
            (1, y),
            xycoords="axes fraction",
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=legible(colour),
            fontsize=9,
            annotation_clip=False,
        )


def spread(positions: np.ndarray, gap: float) -> np.ndarray:
    """The positions nearest to those given (least squares) that lie at least `gap` apart."""
    order = np.argsort(positions, kind="stable")
    room = gap * np.arange(len(positions))
    moved = np.empty(len(positions))
    moved[order] = isotonic_regression(np.asarray(positions, float)[order] - room).x + room
    return moved


def _explain_lines(ax: Axes) -> None:
    for label, style in (("test", "-"), ("training", DASHED)):
        ax.plot([], [], color=INK, linestyle=style, linewidth=1.4, label=label)
    ax.legend(loc="best")
