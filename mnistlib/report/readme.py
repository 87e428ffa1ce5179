"""The results in README.md, written from the records so that they cannot drift from them."""

import re
from pathlib import Path

import numpy as np

from mnistlib import plan
from mnistlib.base import ROOT, RUNS, DataError, write_bytes
from mnistlib.claims import family_words, judge
from mnistlib.comparison import by_row, headline, label, readable
from mnistlib.config import TITLES
from mnistlib.runs import load_all

START, END = "<!-- results: written by make notebooks -->", "<!-- end of results -->"


def results(folder: Path = RUNS) -> str:
    """The headline table and the verdicts on techniques as Markdown, from a folder's records."""
    runs = load_all(folder, strict=True)
    frame = readable(headline(runs)).reset_index()
    rows = [frame.columns, ["---"] * len(frame.columns), *frame.to_numpy().tolist()]
    table = "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
    study = judge(by_row(runs, needed=TITLES), np.random.default_rng(0))
    alone = study.added.iloc[1:].rename(index=label)
    again = load_all(folder / plan.CONFIRMATION_FOLDER.name, strict=True)
    second = plan.words(plan.confirm(again, np.random.default_rng(0)))
    return f"{table}\n\n{family_words('Added to LeNet-5 alone', alone)} {second}"


def stated(readme: Path = ROOT / "README.md") -> str:
    """What a README holds between its marks.

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
