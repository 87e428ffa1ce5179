"""The results in README.md, written from the records so that they cannot drift from them."""

import re
from pathlib import Path

from mnistlib.atomic import write_bytes
from mnistlib.errors import DataError
from mnistlib.headline import headline, readable
from mnistlib.paths import ROOT, RUNS
from mnistlib.runs import load_all

START, END = "<!-- results: written by make notebooks -->", "<!-- end of results -->"


def results(folder: Path = RUNS) -> str:
    """The headline table as Markdown, from the records in a folder."""
    frame = readable(headline(load_all(folder, strict=True))).reset_index()
    rows = [frame.columns, ["---"] * len(frame.columns), *frame.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def stated(readme: Path = ROOT / "README.md") -> str:
    """The table that a README holds between its marks.

    Raises:
        DataError: the marks are missing.
    """
    found = re.search(f"{START}\n(.*?)\n{END}", readme.read_text(encoding="utf-8"), re.S)
    if found is None:
        raise DataError(f"{readme}: found no lines {START} and {END}; put the marks back")
    return found[1]


def update(readme: Path = ROOT / "README.md", folder: Path = RUNS) -> None:
    """Put the present results into a README; the rest of it stays."""
    text = readme.read_text(encoding="utf-8")
    old, new = (f"{START}\n{table}\n{END}" for table in (stated(readme), results(folder)))
    write_bytes(readme, text.replace(old, new).encode())
