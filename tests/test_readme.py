import re

import pytest

from mnistlib.base import ROOT, DataError
from mnistlib.report.readme import END, START, results, stated, update

README = ROOT / "README.md"


def test_the_results_are_those_of_the_records():
    assert stated() == results(), "the README's table is out of date; run: make notebooks"


def test_it_is_short_and_its_files_exist():
    text = README.read_text()
    assert len(text.split()) < 700
    for path in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text):
        assert (ROOT / path).exists(), path


def test_its_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"^make (\w+)", README.read_text(), re.M)) <= set(targets)


def test_an_update_changes_the_table_alone(tmp_path):
    copy = tmp_path / "README.md"
    copy.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    update(copy)
    assert copy.read_text() == f"before\n{START}\n{results()}\n{END}\nafter\n"


def test_missing_marks_are_an_error(tmp_path):
    copy = tmp_path / "README.md"
    copy.write_text("nothing")
    with pytest.raises(DataError, match="put the marks back"):
        stated(copy)
