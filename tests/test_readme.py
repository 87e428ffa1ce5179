import re

from mnistlib.base import ROOT
from mnistlib.report import readme

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_only_its_results_are_written_anew_and_are_those_of_the_records():
    changed = TEXT.replace("|LeNet-5|99", "|LeNet-5|98")
    assert changed != TEXT
    assert readme(changed) == TEXT, "the README's table is out of date; run: make notebooks"


def test_it_is_short_and_its_files_and_commands_exist():
    assert len(TEXT.split()) < 700
    for path in re.findall(r"\]\((?!https?:|#)([^)]+)\)", TEXT):
        assert (ROOT / path).exists(), path
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"^make (\w+)", TEXT, re.M)) <= set(targets)
