"""The report's folder: emptied only if a report wrote it, kept where one was stopped."""

import shutil
from pathlib import Path

from mnistlib.base import UserError, expect_writable, write_bytes

MARK = ".mnistlib-report"  # lies in folders that a report wrote and may empty again


def begin(folder: Path, made_from: str) -> bool:
    """Make `folder` ready for a whole report; returns whether a stopped one is there to go on with.

    The folder is made, emptied unless an unfinished report of the same `made_from` lies there, and
    marked as that of an unfinished one.

    Raises:
        UserError: it cannot be used, or holds files and no mark, so that they are someone's.
    """
    expect_own(folder)
    goes_on = _mark(folder) == made_from
    if not goes_on:
        finish(folder)  # what is half emptied is nothing to go on with
        _empty(folder)
    write_bytes(folder / MARK, made_from.encode())
    return goes_on


def finish(folder: Path) -> None:
    """Mark `folder` as a report's with nothing to go on with: the next one starts anew."""
    write_bytes(folder / MARK, b"")


def expect_own(folder: Path) -> None:
    """Make and mark `folder` where it is new.

    Raises:
        UserError: it cannot be used, or holds files and no mark, so that they are someone's.
    """
    expect_writable(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = [entry for entry in folder.iterdir() if not entry.name.startswith(f".{MARK}.")]
        strange = bool(found) and not (folder / MARK).exists()
    except OSError as error:
        raise UserError(f"{folder}: cannot be used ({error}); give another folder") from error
    if strange:
        raise UserError(
            f"{folder}: found files that no report wrote, expected an empty folder; give another"
        )
    (folder / MARK).touch()


def _mark(folder: Path) -> str:
    return (folder / MARK).read_text(encoding="utf-8", errors="replace")


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != MARK:
            entry.unlink()
