"""The campaign finds what it looks for, and makes the same inputs from the same seed."""

import subprocess
import sys

import numpy as np
import pytest

from mnistlib.base import ROOT, DataError
from mnistlib.dataset import Digits

sys.path.insert(0, str(ROOT))
from tests import campaign

GOOD = Digits(np.zeros((1, 28, 28), np.uint8), np.array([7]))


class Unchecked:
    """Digits as a reader without checks would return them."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels


def refuse(path):
    raise DataError(f"{path}: bad")


def refuse_vaguely(path):
    raise DataError("bad")


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (lambda path: GOOD, "accepted"),
        (refuse, "refused"),
        (refuse_vaguely, "wrong answer"),
        (lambda path: 1 / 0, "crashed"),
        (lambda path: Unchecked(GOOD.images, np.array([12])), "wrong answer"),
        (lambda path: Unchecked(GOOD.images[:0], GOOD.labels[:0]), "wrong answer"),
        (lambda path: Unchecked(GOOD.images, np.zeros((1, 28, 28), int)), "wrong answer"),
    ],
)
def test_each_kind_of_answer_is_told(read, answer, tmp_path):
    assert campaign._judge(read, tmp_path)[0] == answer


def test_a_short_run_prints_a_table_and_finds_nothing():
    command = [sys.executable, "-m", "tests.campaign", "readers", "--minutes", "0.05"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert " 0 findings" in done.stdout
