"""The campaign finds what it looks for."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mnistlib.base import ROOT, DataError

sys.path.insert(0, str(ROOT))
from tests import campaign


def answer(digits):
    """Make a reader's answer of its labels, or of its error."""
    if isinstance(digits, Exception):
        raise digits
    images = np.zeros((len(digits), 28, 28), np.uint8)
    return SimpleNamespace(images=images, labels=np.array(digits))  # no checks of its own


ANSWERS = {"accepted": [7], "refused": DataError("/x: bad"), "crashed": ZeroDivisionError()}
WRONG = [DataError("names no file"), [], [12], [[7]]]


@pytest.mark.parametrize(
    ("kind", "given"), [*ANSWERS.items(), *[("wrong answer", w) for w in WRONG]]
)
def test_each_kind_of_answer_is_told(kind, given):
    assert campaign._judge(lambda path: answer(given), Path("/x"))[0] == kind


def test_a_short_run_prints_a_table_and_finds_nothing():
    command = [sys.executable, "-m", "tests.campaign", "readers", "--minutes", "0.05"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert " 0 findings" in done.stdout
