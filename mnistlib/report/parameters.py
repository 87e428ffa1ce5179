"""Checks of a notebook's parameters, for the cell below the one tagged `parameters`.

papermill passes on what it is given: `-p modle mlp` sets a variable that nobody reads, and
`-p epochs three` a string. So each notebook checks, and stops at once with one line:

    given = check(globals(), model=choice(RECIPES), epochs=whole(0), data_dir=folder())
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

from mnistlib.base import UserError, expanded, expect_writable, pick

Rule = Callable[[str, object], object]
INJECTED = "# Parameters"  # papermill's first line in the cell that it puts in


class ParameterError(UserError):
    """A parameter of a notebook that cannot be used."""


def check(namespace: Mapping[str, object], **rules: Rule) -> SimpleNamespace:
    """Check a notebook's parameters and return them, each in the form that its rule gives it.

    Args:
        namespace: the notebook's `globals()`.
        rules: one for each parameter of the notebook: choice, whole, flag or folder.

    Raises:
        ParameterError: papermill was given a name that is none of the notebook's parameters, a
            value is not as its rule says, or a parameter was deleted.
    """
    try:
        for name in _injected(namespace):
            pick("parameter", name, rules)
        for name in rules:
            pick("name", name, namespace)
        values = {name: rule(name, namespace[name]) for name, rule in rules.items()}
    except ParameterError:
        raise
    except UserError as error:
        raise ParameterError(str(error)) from None
    return SimpleNamespace(**values)


def _injected(namespace: Mapping[str, object]) -> list[str]:
    """Names that papermill set, read from IPython's list of the cells run so far."""
    cells = [cell for cell in namespace.get("In", []) if cell.startswith(INJECTED)]
    return [name for cell in cells for name in assigned(cell)]


def assigned(source: str) -> dict[str, object]:
    """Names and values of the literal assignments in a cell, such as one of parameters."""
    values = {}
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                values[target.id] = _literal(node.value)
    return values


def _literal(node: ast.expr | None) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):  # such as float('nan'), which papermill writes
        return None


def choice(valid: Iterable[str]) -> Rule:
    """One of the names in `valid`."""
    names = list(valid)
    return lambda name, value: pick(name, value, names)


def whole(minimum: int = 0, maximum: int = 2**32 - 1) -> Rule:
    """A whole number from `minimum` to `maximum`; True, 3.0 and "3" are none."""

    def rule(name: str, value: object) -> int:
        if type(value) is not int or not minimum <= value <= maximum:
            expected = f"expected a whole number from {minimum} to {maximum}"
            raise ParameterError(
                f"{name}={value!r}: {expected}; give one, as in -p {name} {minimum}"
            )
        return value

    return rule


def flag() -> Rule:
    """True or False; papermill takes exactly these two words."""

    def rule(name: str, value: object) -> bool:
        if type(value) is not bool:
            raise ParameterError(f"{name}={value!r}: expected True or False")
        return value

    return rule


def folder(default: str | Path | None = None, exists: bool = False) -> Rule:
    """A folder, or `default` where the parameter is the empty string.

    Args:
        default: what "" stands for.
        exists: whether what is given must be there already, to be read; anything else must be fit
            to be written to.
    """

    def rule(name: str, value: object) -> Path | None:
        if value in ("", None):
            value = default
        if value is None:
            return None
        if not isinstance(value, str | Path):
            raise ParameterError(f"{name}={value!r}: expected the path of a folder")
        path = expanded(value)
        if exists and not path.exists():
            raise ParameterError(f"{name}={value!r}: there is no such folder; correct the path")
        if path.is_file():
            raise ParameterError(
                f"{name}={value!r}: expected a folder, found a file; give its folder"
            )
        try:
            return path if exists else expect_writable(path)
        except UserError as error:
            raise ParameterError(f"{name}: {error}") from None

    return rule
