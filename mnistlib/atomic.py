"""Files that are there whole or not at all: a reader sees the old one or the new one."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

FORGOTTEN_SECONDS = 24 * 3600  # no write takes so long: what is older was left by a killed process


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`, which takes its place if all goes well.

    Any number of processes, on any number of machines with a shared disk, may do so at a time:
    the last one wins.

    Raises:
        OSError: the file cannot be written; always names it, also where the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(8)}.part")
    try:
        yield temporary
        temporary.replace(path)
        _sweep(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Delete what a process that was killed left of `path` long ago."""
    start = f".{path.name}."
    with suppress(OSError), os.scandir(path.parent) as entries:
        parts = [e for e in entries if e.name.startswith(start) and e.name.endswith(".part")]
        for part in parts:
            if time.time() - part.stat().st_mtime > FORGOTTEN_SECONDS:
                Path(part).unlink()


def write_bytes(path: Path, content: bytes) -> Path:
    """Put a file in place in one step; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path
