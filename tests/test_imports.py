"""The house's floors: a module of mnistlib imports only from floors below its own, or its own."""

import ast
from pathlib import Path

from mnistlib.base import ROOT

FLOORS = (  # from the ground; a name is that of a module or of a whole package
    {"base", "processes"},
    {"dataset", "stats"},
    {"model", "augment"},
    {"config", "counting"},
    {"runs", "plots", "notebook", "execution"},
    {"course", "comparison"},
    {"train"},
    {"study"},
    {"plan"},
    {"claims", "commands"},
    {"bench", "report"},
    {"__main__", "__init__"},
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
PACKAGE = ROOT / "mnistlib"
MODULES = sorted(PACKAGE.rglob("*.py"))


def home(path: Path) -> str:
    """The module's name below mnistlib, or that of the package that it is in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """What of mnistlib a module imports anywhere in it, by the names in FLOORS."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "mnistlib":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mnistlib."):
            found.add(node.module.split(".")[1])
    return found


def test_imports_point_only_downwards():
    assert {home(path) for path in MODULES} == set(FLOOR)
    pairs = [(home(path), name) for path in MODULES for name in imported(path) - {home(path)}]
    assert [(low, high) for low, high in pairs if FLOOR[high] >= FLOOR[low]] == []
