"""What a report is made from: a stopped one is gone on with only where all of this is the same."""

import json
import sys
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from mnistlib import paths
from mnistlib.dataset.folder import NESTED

PACKAGE = Path(__file__).resolve().parents[1]


def fingerprint(values: object, notebooks: Iterable[Path], digits: str | Path | None) -> str:
    """sha256 over the report's settings and the state of all files that its pages depend on.

    A file's state is its path, size and time of change.

    Args:
        values: settings, as JSON can hold them.
        notebooks: the notebooks' files.
        digits: the folder of the digits; None for data/raw.
    """
    files = [*_sources(), *notebooks, *_kept(), *_digits(Path(digits or paths.RAW))]
    about = [sys.version, version("torch"), values, [_state(path) for path in sorted(files)]]
    return sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _sources() -> Iterator[Path]:
    for path in PACKAGE.rglob("*"):
        if path.suffix in (".py", ".j2", ".css"):
            yield path


def _kept() -> Iterator[Path]:
    yield from paths.RUNS.glob("**/*.json")
    yield from paths.WEIGHTS.glob("*.safetensors")
    yield from paths.BENCH.parent.glob(paths.BENCH.name)


def _digits(folder: Path) -> Iterator[Path]:
    """Files of the digits, or the folders of pictures: their time changes with what is in them."""
    for nested in NESTED:
        yield from (folder / nested).glob("[!.]*")


def _state(path: Path) -> tuple[str, int, int]:
    state = path.stat()
    return str(path), state.st_size, state.st_mtime_ns
