"""What every room uses: where files lie, errors that a user can act on, files written whole."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

# found from the package, never from the working directory
ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
FIGURES = ROOT / "figures"  # in git: figures of the report and the README
RAW = ROOT / "data" / "raw"  # not in git: downloaded digits
CACHE = ROOT / "data" / "cache"  # not in git: decoded archives
RUNS = ROOT / "data" / "runs"  # in git: one JSON per training run behind the report
WEIGHTS = ROOT / "data" / "weights"  # in git: safetensors of the headline models
BENCH = ROOT / "data" / "bench.json"  # in git: the timings behind the report
OUT = ROOT / "out"  # not in git: everything a user's own run writes

LONGEST = 200  # characters of a name in a message


class UserError(ValueError):
    """A mistake in what was asked for; its message says what was expected and the way out."""

    code = 2  # with which a command ends

    def _render_traceback_(self) -> list[str]:  # IPython's hook: one line in a notebook as well
        return [f"{type(self).__name__}: {self}"]


class DataError(UserError):
    """A file is not what it should be: says which, what was found and expected, and the way out."""


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


def stream(seed: int, purpose: str) -> int:
    """A seed of its own for each source of randomness, so that one does not shift another."""
    return int.from_bytes(sha256(f"{seed} {purpose}".encode()).digest()[:8], "big") >> 1


def shown(name: object) -> str:
    """A name for messages: on one line, printable, and not endless."""
    text = str(name)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-LONGEST // 2 :]}"


def expanded(path: str | Path) -> Path:
    """The path with ~ replaced by the home folder; that of a user who is not there stays."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def expect_writable(folder: Path) -> Path:
    """Return `folder` if files can be put there, else raise UserError, before work of minutes."""
    there = folder.absolute()
    while not os.path.lexists(there):
        there = there.parent
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return folder
    found = "may not be written to" if there.is_dir() else "is no folder"
    raise UserError(f"{shown(folder)}: {shown(there)} {found}; give another")


def own_output(out_dir: str | Path, data) -> Path:
    """Return `out_dir` if what these digits make may be written there, in it or in parts of it.

    UserError where the digits, as from dataset.load, are not MNIST, and something would come to lie
    in data/runs, data/weights or figures, which hold what git keeps of MNIST.
    """
    for target in (Path(out_dir) / part for part in ("", "runs", "weights", "figures")):
        kept = any(target.resolve().is_relative_to(place) for place in (RUNS, WEIGHTS, FIGURES))
        if kept and data.name != "MNIST":
            found = f"holds results on MNIST only, and these digits are {data.name}"
            raise UserError(f"{target}: {found}; give another folder, such as out")
    return Path(out_dir)


def write_bytes(path: Path, content: bytes) -> Path:
    """Put a file in place in one step, and its folder: a reader sees the old one or the new, whole.

    Any number of processes, on any number of machines with a shared disk, may write at a time: the
    last one wins. OSError where it cannot be written; that always names the file, also where the
    disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(8)}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path
