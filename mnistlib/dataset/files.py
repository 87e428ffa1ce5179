"""Files read whole, within a limit, and their names fit to be shown."""

from pathlib import Path
from stat import S_ISREG

from mnistlib.errors import DataError

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
