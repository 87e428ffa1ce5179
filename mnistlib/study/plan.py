"""Which runs a study consists of."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mnistlib import config, runs
from mnistlib.base import UserError, pick
from mnistlib.config import Recipe


@dataclass(frozen=True)
class Task:
    """One run to make: its row's name, what decides it, and the key that its record will have."""

    name: str
    recipe: Recipe
    seed: int
    key: str


def tasks(
    recipes: Mapping[str, Recipe] | Iterable[Recipe], seeds: Iterable[int], fingerprint: str
) -> list[Task]:
    """Every recipe from every seed, each run once.

    Seed by seed, so that a study that is stopped is a complete smaller one.
    """
    rows = list(recipes.items() if isinstance(recipes, Mapping) else map(_with_name, recipes))
    found: dict[str, Task] = {}
    for seed in seeds:
        for name, recipe in rows:
            key = runs.key(recipe, seed, fingerprint)
            found.setdefault(key, Task(name, recipe, seed, key))
    return list(found.values())


def _with_name(recipe: Recipe) -> tuple[str, Recipe]:
    return config.named(recipe) or recipe.model, recipe


def choose(
    rows: Mapping[str, Recipe], only: Sequence[str] | None, epochs: int | None
) -> dict[str, Recipe]:
    """The rows named in `only` (all without it), with other epochs if any are given.

    Raises:
        UserError: no such row, lists the valid names; or epochs out of range.
    """
    names = [pick("row", name, rows) for name in only] if only else list(rows)
    changes = {} if epochs is None else {"epochs": epochs}
    return {name: replace(rows[name], **changes) for name in names}


def parse_seeds(text: str) -> list[int]:
    """The seeds that "0-9" or "0,3,7-8" stands for, in that order, each once.

    Raises:
        UserError: the text is not of this form, or a range runs backwards.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part.strip(), re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise UserError(f"seeds {text!r}: {part!r} is no seed; give '0-9' or '0,3,7-8'")
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))


def format_seeds(seeds: Iterable[int]) -> str:
    """The shortest text that parse_seeds() reads as these seeds, in rising order; "-" for none."""
    ranges: list[list[int]] = []
    for seed in sorted(seeds):
        if ranges and seed == ranges[-1][-1] + 1:
            ranges[-1][1:] = [seed]
        else:
            ranges.append([seed])
    return ",".join("-".join(map(str, bounds)) for bounds in ranges) or "-"
