"""Files read whole, within a limit."""

from pathlib import Path
from stat import S_ISREG

from mnistlib.base import DataError, shown


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
