"""Figures: arrays in, axes out. Nothing here loads, trains, shows or saves.

Importing it applies the report's style; `use_style` does so again after another library changed it.
"""

from mnistlib.plots.curves import compare_curves, learning_curves
from mnistlib.plots.data import class_balance, embedding, pixel_histogram
from mnistlib.plots.pictures import (
    augmentation_grid,
    class_means,
    digit_grid,
    error_gallery,
    feature_maps,
    filters,
)
from mnistlib.plots.scores import accuracy_intervals, confusion_matrix, parameters_bars, shapes
from mnistlib.plots.speed import speed
from mnistlib.plots.study import bands, both_ways, forest, gap, overlap, strips
from mnistlib.plots.style import COLOURS, colours, legible, percent, percent_axis, title, use_style

__all__ = [
    "COLOURS",
    "accuracy_intervals",
    "augmentation_grid",
    "bands",
    "both_ways",
    "class_balance",
    "class_means",
    "colours",
    "compare_curves",
    "confusion_matrix",
    "digit_grid",
    "embedding",
    "error_gallery",
    "feature_maps",
    "filters",
    "forest",
    "gap",
    "learning_curves",
    "legible",
    "overlap",
    "parameters_bars",
    "percent",
    "percent_axis",
    "pixel_histogram",
    "shapes",
    "speed",
    "strips",
    "title",
    "use_style",
]

use_style()
