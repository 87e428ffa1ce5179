"""What a report is made from: a stopped one is gone on with only where all of this is the same."""

import json
import sys
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from mnistlib import base

PACKAGE = Path(__file__).resolve().parents[1]


def fingerprint(values: object, notebooks: Iterable[Path]) -> str:
    """sha256 over what pages depend on: settings, and path, size and time of change of files.

    The files are the package's, those of results that git keeps, and the notebooks.

    Args:
        values: the settings and what the digits are, as JSON can hold them.
        notebooks: their paths.
    """
    files = [*_sources(), *notebooks, *_kept()]
    about = [sys.version, version("torch"), values, [_state(path) for path in sorted(files)]]
    return sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _sources() -> Iterator[Path]:
    for path in PACKAGE.rglob("*"):
        if path.suffix in (".py", ".j2", ".css"):
            yield path


def _kept() -> Iterator[Path]:
    yield from base.RUNS.glob("**/*.json")
    yield from base.WEIGHTS.glob("*.safetensors")
    yield from base.BENCH.parent.glob(base.BENCH.name)


def _state(path: Path) -> tuple[str, int, int]:
    state = path.stat()
    return str(path), state.st_size, state.st_mtime_ns
