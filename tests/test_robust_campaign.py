"""The campaign finds what it looks for."""

import subprocess
import sys

import numpy as np
import pytest

from mnistlib.base import ROOT, DataError

sys.path.insert(0, str(ROOT))
from tests import campaign


class Unchecked:
    """Digits as a reader without checks would return them."""

    def __init__(self, n=1, labels=(7,)):
        self.images, self.labels = np.zeros((n, 28, 28), np.uint8), np.array(labels)


ANSWERS = {
    "accepted": (lambda path: Unchecked(),),
    "refused": (lambda path: DataError(f"{path}: bad"),),
    "wrong answer": (lambda path: DataError("names no file"), lambda path: Unchecked(0, ()),
                     lambda path: Unchecked(1, (12,)), lambda path: Unchecked(1, [[7]])),
    "crashed": (lambda path: 1 / 0,),
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "read"), [(a, r) for a, reads in ANSWERS.items() for r in reads]
)
def test_each_kind_of_answer_is_told(answer, read, tmp_path):
    def reader(path):
        found = read(path)
        if isinstance(found, Exception):
            raise found
        return found

    assert campaign._judge(reader, tmp_path)[0] == answer


def test_a_short_run_prints_a_table_and_finds_nothing():
    command = [sys.executable, "-m", "tests.campaign", "readers", "--minutes", "0.05"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert " 0 findings" in done.stdout
