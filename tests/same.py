"""What two runs must have in common where the same was run."""

from dataclasses import replace


def untimed(run):
    """The run as if it had taken no time."""
    return replace(run, history={**run.history, "seconds": [0.0] * run.recipe.epochs})
