"""A module of mnistlib imports only from rooms above its own in the package's list, or its own."""

import ast
import re
from pathlib import Path

import mnistlib
from mnistlib.base import ROOT

ROOMS = [*re.findall(r"(?m)^    (\w+)  ", mnistlib.__doc__), "__main__", "__init__"]
PACKAGE = ROOT / "mnistlib"


def home(path: Path) -> str:
    """The module's name below mnistlib, or that of the package that it is in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """What of mnistlib a module imports anywhere in it, by the names of rooms."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "mnistlib":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mnistlib."):
            found.add(node.module.split(".")[1])
    return found


def test_imports_point_one_way():
    modules = sorted(PACKAGE.rglob("*.py"))
    assert {home(path) for path in modules} == set(ROOMS)
    pairs = [(home(path), name) for path in modules for name in imported(path) - {home(path)}]
    assert [(a, b) for a, b in pairs if ROOMS.index(b) > ROOMS.index(a)] == []
