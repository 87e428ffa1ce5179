"""Figures: arrays in, axes out. Nothing here loads, trains, shows or saves.

Importing it applies the report's style.
"""

# ruff: noqa: F401 - the names that notebooks use
from mnistlib.plots.digits import (
    augmentation_grid,
    class_balance,
    class_means,
    digit_grid,
    embedding,
    error_gallery,
    pixel_histogram,
    signed_grid,
)
from mnistlib.plots.results import (
    accuracy_intervals,
    bands,
    both_ways,
    confusion_matrix,
    forest,
    gap,
    learning_curves,
    parameters_bars,
    speed,
    strips,
)
from mnistlib.plots.style import COLOURS, colours, percent, percent_axis, title
