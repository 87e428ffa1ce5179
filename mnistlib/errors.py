"""Errors that a user can act on: one clear line, no traceback on the command line."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """A mistake in what was asked for; its message says what was expected and the way out."""

    def _render_traceback_(self) -> list[str]:  # IPython's hook: one line in a notebook as well
        return [f"{type(self).__name__}: {self}"]


class DataError(UserError):
    """A file that is not what it should be; its message names the file, what was found, what was
    expected and the way out."""


class TrainingError(UserError):
    """Training that cannot go on, such as a loss that is no longer finite."""


def within(name: str, value: float, low: float, high: float) -> float:
    """Return `value` if it lies between the bounds, else raise UserError that names them."""
    if low <= value <= high:
        return value
    raise UserError(f"{name}={value!r} is out of range; give {low} to {high}")


def pick(kind: str, name: object, valid: Iterable[str]) -> str:
    """Return `name` if it is one of `valid`, else raise UserError that lists the valid names."""
    names = list(valid)
    if isinstance(name, str) and name in names:
        return name
    close = get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UserError(f"unknown {kind} {name!r}.{hint} Valid: {', '.join(names)}")
