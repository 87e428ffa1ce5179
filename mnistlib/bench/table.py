"""A bench's results as text for a terminal."""

from math import isnan
from typing import TYPE_CHECKING

from mnistlib.bench.contestants import FLOOR

if TYPE_CHECKING:
    import pandas as pd

HEADER = ("seconds", "from – to", "n", "ratio", "memory")
GOALS = ("measured", "must", "", "aim", "")
TITLE_WIDTH = 40
WIDTHS = (8, 15, 3, 8, 9)


def text(frame: "pd.DataFrame") -> str:
    """The table of record.results() as lines: what was timed, where, and one line a contestant."""
    parts = [_facts(frame.attrs)]
    rows = frame[frame["group"] != FLOOR]
    for (group, per), members in rows.groupby(["group", "per"], sort=False):
        heading = f"{group}, {per:,} images"
        parts.append("\n".join([_line(heading, HEADER), *map(_row, members.itertuples())]))
    if frame.attrs["floor"] is not None:
        parts.append(_floor(frame))
    if frame.attrs["profile"]:
        parts.append(_profile(frame.attrs["profile"]))
    if frame.attrs["targets"]:
        parts.append("\n".join([_line("targets", GOALS), *map(_goal, frame.attrs["targets"])]))
    return "\n\n".join([*parts, LEGEND])


LEGEND = """\
Seconds are medians of n repetitions, scaled to the images in the heading; beside them the fastest
and the slowest. A ratio says how many times as fast as the row above it that has none. Memory is
the peak of the process that did the work, without a DataLoader's workers."""


def _facts(attrs: dict) -> str:
    data, machine, settings = attrs["dataset"], attrs["machine"], attrs["settings"]
    versions = ", ".join(f"{name} {number}" for name, number in attrs["versions"].items())
    sample = ", the SAMPLE" if data["is_sample"] else ""
    return (
        f"{data['name']}{sample}: {data['n_train']:,} training and {data['n_test']:,} test digits\n"
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads; {versions}\n"
        f"training: LeNet-5, {settings['batches']:,} batches of {settings['batch_size']} a "
        f"repetition, after {settings['warm_up']:,} that do not count; "
        "files are in the page cache"
    )


def _line(title: str, cells: tuple[str, ...]) -> str:
    columns = (cell.rjust(width) for cell, width in zip(cells, WIDTHS, strict=True))
    return f"{title:<{TITLE_WIDTH}}" + " ".join(columns)


def _row(row) -> str:
    ratio = "–" if isnan(row.ratio) else f"{row.ratio:.2f} ×"
    span = f"{_seconds(row.low)} – {_seconds(row.high)}"
    memory = f"{row.memory / 1e6:,.0f} MB"
    return _line(f"  {row.title}", (_seconds(row.seconds), span, str(row.n), ratio, memory))


def _goal(target: dict) -> str:
    sign = "≥" if target["at_least"] else "≤"
    unit = target["unit"]
    aim = "" if target["aim"] is None else f"{sign} {target['aim']:g} {unit}"
    cells = (f"{target['value']:.2f} {unit}", f"{sign} {target['must']:g} {unit}", "", aim)
    return _line(f"  {target['title']}", (*cells, "met" if target["met"] else "MISSED"))


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _profile(shares: dict[str, float]) -> str:
    parts = [f"{kind} {share:.0%}" for kind, share in shares.items()]
    return f"where the time of a step goes, by the profiler:\n  {', '.join(parts)}"


def _floor(frame: "pd.DataFrame") -> str:
    row = frame[frame["group"] == FLOOR].iloc[0]
    return (
        f"floor: {_seconds(frame.attrs['floor'])} s for {row.per:,} images, if every "
        "multiply-accumulate of LeNet-5,\nforward and backward, ran at the speed of the fastest "
        f"float32 {row.title} (n = {row.n})"
    )
