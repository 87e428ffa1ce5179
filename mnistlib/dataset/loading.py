"""Where digits come from: a given path, data/raw, the public mirrors, the sample, in this order."""

import os
import sys
from pathlib import Path

from mnistlib import base
from mnistlib.base import DataError, expanded
from mnistlib.dataset import folder, mirrors
from mnistlib.dataset.canonical import altered
from mnistlib.dataset.digits import DigitData
from mnistlib.dataset.sample import sample


def load(data_dir: str | Path | None = None) -> DigitData:
    """Load training and test digits from the first place that has them.

    The order: `data_dir`, the environment variable MNIST_DIR, data/raw, a download from the
    public mirrors into data/raw, the sample of 5,000 digits. The environment variable
    MNIST_OFFLINE=1 leaves the download out. Falling back to the sample is said on stderr.

    Args:
        data_dir: a folder in any layout that data/README.md lists; None or "" for none given.

    Raises:
        DataError: a given path holds no digits, or a file is damaged; never a fallback then.
    """
    given = data_dir or os.environ.get("MNIST_DIR")
    if given:
        return folder.read_pair(expanded(given))
    return _from_raw() or _from_mirrors()


def place(data_dir: str | Path | None = None) -> str:
    """Where load(data_dir) has just found digits: a whole path, "data/raw" or "the sample"."""
    given = data_dir or os.environ.get("MNIST_DIR")
    found = folder.find(expanded(given) if given else base.RAW)
    if found is None:
        return "the sample"
    return str(found.resolve()) if given else str(base.RAW.relative_to(base.ROOT))


def _from_raw() -> DigitData | None:
    """The digits in data/raw, None if it has none; MNIST in part is MNIST damaged."""
    if folder.find(base.RAW) is None:
        return None
    try:
        data = folder.read_pair(base.RAW)
    except DataError as error:
        way_out = "delete that file, and the next call downloads it again"
        raise DataError(f"{error}; {way_out}") from error
    wrong = altered(data.train, data.test)
    if 0 < len(wrong) < 4:
        raise DataError(
            f"{base.RAW}: {', '.join(wrong)}: not MNIST's content, although the other files are "
            "MNIST's; delete what is wrong, and the next call downloads it again"
        )
    return data


def _from_mirrors() -> DigitData:
    if os.environ.get("MNIST_OFFLINE", "0") not in ("", "0"):
        return _fallback("MNIST_OFFLINE is set")
    try:
        mirrors.download(base.RAW)
    except DataError as error:
        return _fallback(str(error))
    return _from_raw() or _fallback(f"{base.RAW}: emptied meanwhile")


def _fallback(reason: str) -> DigitData:
    print(
        "mnistlib: no MNIST here: falling back to the SAMPLE of 5,000 digits. "
        f"For MNIST, give its folder (data_dir, MNIST_DIR). Reason: {reason}",
        file=sys.stderr,
    )
    return sample()
