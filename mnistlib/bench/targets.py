"""What the bench is to show: each target beside what was measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A bound on something measured.

    Attributes:
        title, unit: for people.
        value: of the contestants' rows by name; KeyError where one was not timed.
        must, aim: the bound to keep, and the better one (None: there is none).
        at_least: whether the value is to be above them; else below.
    """

    title: str
    unit: str
    value: Callable[[Mapping[str, dict]], float]
    must: float
    aim: float | None = None
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether a value keeps the bound `must`."""
        return value >= self.must if self.at_least else value <= self.must


def _quotient(title: str, over: str, under: str, must: float, aim: float | None = None) -> Target:
    def value(rows: Mapping[str, dict]) -> float:
        return rows[over]["seconds"] / rows[under]["seconds"]

    return Target(title, "×", value, must, aim, at_least=True)


def _seconds(title: str, name: str, must: float, aim: float | None = None) -> Target:
    return Target(title, "s", lambda rows: rows[name]["seconds"], must, aim)


def _cost(rows: Mapping[str, dict]) -> float:
    return 100 * (rows["ours_distorted"]["seconds"] / rows["ours"]["seconds"] - 1)


TARGETS = (
    _quotient("an epoch, torchvision ÷ ours", "reference", "ours", 4, 8),
    _quotient("with distortion, ÷ ours", "reference_distorted", "ours_distorted", 4, 8),
    Target("distortion on top of an epoch", "%", _cost, 35),
    _quotient("throughput, two runs ÷ one", "one_run", "two_runs", 1.4, 1.8),
    Target("peak memory of a run", "GB", lambda rows: rows["whole_run"]["memory"] / 1e9, 1.2, 0.7),
    _seconds("testing 10,000 images", "testing", 0.4, 0.2),
    _seconds("IDX to tensors", "read_idx", 0.6),
    _quotient("tar of PNGs, Pillow ÷ ours", "read_pillow", "read_tar", 3),
    _seconds("tar of PNGs, again", "read_tar_again", 0.6),
    _seconds("help on the command line", "help", 0.4),
)


def measured(rows: Mapping[str, dict]) -> list[dict]:
    """Title, unit, value, must, aim, at_least and met of each target whose parts were timed."""
    found = []
    for target in TARGETS:
        try:
            value = target.value(rows)
        except KeyError:
            continue  # --only left it out
        shown = {k: getattr(target, k) for k in ("title", "unit", "must", "aim", "at_least")}
        found.append({**shown, "value": value, "met": target.met(value)})
    return found
