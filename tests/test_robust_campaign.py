"""The campaign finds what it looks for."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mnistlib.base import ROOT, DataError
from tests import campaign

ANSWERS = {"accepted": [7], "refused": DataError("/x: bad"), "crashed": ZeroDivisionError()}
WRONG = [("wrong answer", given) for given in (DataError("names no file"), [], [12], [[7]])]


@pytest.mark.parametrize(("kind", "given"), [*ANSWERS.items(), *WRONG])
def test_each_kind_of_answer_is_told(kind, given):
    def read(path):
        if isinstance(given, Exception):
            raise given
        images = np.zeros((len(given), 28, 28), np.uint8)
        return SimpleNamespace(images=images, labels=np.array(given))  # no checks of its own

    assert campaign.judge(read, Path("/x"))[0] == kind


def test_a_short_run_finds_nothing():
    command = [sys.executable, "-m", "tests.campaign", "readers", "--minutes", "0.05"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "accepted" in done.stdout
    assert " 0 findings" in done.stdout
