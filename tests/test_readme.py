import re

import pytest

from mnistlib.base import ROOT, DataError
from mnistlib.report import readme

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_results_are_those_of_the_records():
    assert readme() == TEXT, "the README's table is out of date; run: make notebooks"


def test_it_is_short_and_its_files_and_commands_exist():
    assert len(TEXT.split()) < 700
    for path in re.findall(r"\]\((?!https?:|#)([^)]+)\)", TEXT):
        assert (ROOT / path).exists(), path
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"^make (\w+)", TEXT, re.M)) <= set(targets)


def test_only_what_stands_between_the_marks_is_written_anew():
    changed = TEXT.replace("| LeNet-5 | 99", "| LeNet-5 | 98")
    assert changed != TEXT
    assert readme(text=changed) == TEXT
    with pytest.raises(DataError, match="put the marks back"):
        readme(text="nothing")
