"""Figures: arrays in, axes out. Nothing here loads, trains, shows or saves.

Importing it applies the report's style; `use_style` does so again after another library changed it.
"""

# ruff: noqa: F401 - the names that notebooks use
from mnistlib.plots.curves import bands, learning_curves
from mnistlib.plots.digits import (
    augmentation_grid,
    class_balance,
    class_means,
    digit_grid,
    embedding,
    error_gallery,
    feature_maps,
    filters,
    pixel_histogram,
)
from mnistlib.plots.results import (
    accuracy_intervals,
    both_ways,
    confusion_matrix,
    forest,
    gap,
    overlap,
    parameters_bars,
    shapes,
    speed,
    strips,
)
from mnistlib.plots.style import COLOURS, colours, percent, percent_axis, title, use_style

use_style()
