"""Folders that are safe to empty."""

import shutil
from pathlib import Path

from mnistlib.errors import UserError

MARK = ".mnistlib-report"  # lies in folders that a report wrote and may empty again


def own_folder(folder: Path, clear: bool) -> None:
    """Make `folder` ready to be written: made, marked as a report's and, on `clear`, emptied.

    Raises:
        UserError: it cannot be made, or holds files and no mark, so that they are someone's.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = not (folder / MARK).exists() and any(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: cannot be used ({error}); give another folder") from error
    if strange:
        raise UserError(
            f"{folder}: found files that no report wrote, expected an empty folder; give another"
        )
    if clear:
        _empty(folder)
    (folder / MARK).touch()


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != MARK:
            entry.unlink()
