"""Files read whole, within a limit; folders that people name, checked before they are used."""

import os
from pathlib import Path
from stat import S_ISREG

from mnistlib.errors import DataError, UserError

LONGEST = 200  # characters of a name in a message


def read(path: Path, limit: int, expected: str) -> bytes:
    """The bytes of a file; `expected` says for messages what it should be.

    Raises:
        DataError: it is missing, cannot be read, is no regular file, or has over `limit` bytes.
    """
    try:
        state = path.stat()
        regular = S_ISREG(state.st_mode)  # reading from a pipe could wait forever
        content = path.read_bytes() if regular and state.st_size <= limit else b""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        way_out = "check its name and permissions"
        found = f"cannot be read: {reason}"
        raise DataError(f"{shown(path)}: {found}, expected {expected}; {way_out}") from error
    if not regular:
        raise DataError(f"{shown(path)}: not a regular file, expected {expected}; remove it")
    if state.st_size > limit:
        found = f"{state.st_size:,} bytes"
        raise DataError(f"{shown(path)}: {found}, expected {expected}, of {limit:,} at most")
    return content


def shown(name: object) -> str:
    """A name for messages: on one line, printable, and not endless."""
    text = str(name)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-LONGEST // 2 :]}"


def expanded(path: str | Path) -> Path:
    """The path with ~ replaced by the home folder.

    Raises:
        DataError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        found = "there is no home folder of that name"
        raise DataError(f"{shown(path)}: {found}; give the folder's whole path") from error


def expect_writable(folder: Path) -> Path:
    """Return `folder` if files can be put there, once it is made where it is missing.

    For work of minutes, before it begins.

    Raises:
        UserError: it is a file or lies in one, or this user may not write there.
    """
    there = folder.absolute()
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        raise UserError(f"{shown(folder)}: {shown(there)} is no folder; give another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{shown(folder)}: {shown(there)} may not be written to; give another")
    return folder
