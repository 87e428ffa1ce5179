"""Figures: arrays in, axes out. Nothing here loads, trains, shows or saves.

Importing it applies the report's style.
"""

# ruff: noqa: F403 - all that they define is for notebooks
from mnistlib.plots.digits import *
from mnistlib.plots.results import *
from mnistlib.plots.style import *
