"""A bench's record: one JSON file with the machine, the digits and every repetition."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mnistlib.base import DataError, write_bytes
from mnistlib.bench.contestants import CONTESTANTS, Contestant
from mnistlib.bench.processes import Sample
from mnistlib.bench.settings import BATCH, Settings, cores
from mnistlib.bench.targets import measured
from mnistlib.dataset import DigitData

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "mnistlib bench 1"
LIBRARIES = ("torch", "torchvision", "numpy", "pillow")


def make(
    data: DigitData,
    settings: Settings,
    samples: Mapping[str, Sequence[Sample]],
    profile: Mapping[str, float],
) -> dict:
    """The record of a bench, ready for JSON.

    `profile` has the shares of a step's time by kind of operation; empty if it was not profiled.
    """
    rows = [_row(name, CONTESTANTS[name], found) for name, found in samples.items()]
    summaries = [_summary(row) for row in rows]
    return {
        "format": FORMAT,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": _machine(settings),
        "versions": {"python": platform.python_version(), **{n: version(n) for n in LIBRARIES}},
        "dataset": {
            "name": data.name,
            "n_train": len(data.train),
            "n_test": len(data.test),
            "is_sample": data.is_sample,
        },
        "settings": {**asdict(settings), "batch_size": BATCH},
        "rows": rows,
        "ratios": _ratios(summaries),
        "targets": measured({row["name"]: row for row in summaries}),
        "profile": dict(profile),
    }


def _machine(settings: Settings) -> dict:
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "threads": settings.all_threads,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")  # what the standard library does not tell on Linux
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _row(name: str, contestant: Contestant, samples: Sequence[Sample]) -> dict:
    described = ("title", "group", "against", "ours", "per")
    return {
        "name": name,
        **{key: getattr(contestant, key) for key in described},
        "repetitions": [asdict(sample) for sample in samples],
    }


def write(record: dict, path: Path) -> None:
    """Put the record into `path` in one step."""
    write_bytes(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())


def results(path: str | Path) -> "pd.DataFrame":
    """A bench's record as a table, one row a contestant.

    Columns: name, title, group, ours, per (images that its seconds are for), seconds (median), low,
    high (fastest and slowest repetition), n (repetitions), ratio (of the median of the contestant
    that it is held against to its own: 3 is three times as fast; NaN where there is none) and
    memory (peak, bytes). Its `attrs` hold machine, versions, dataset, settings, date, targets,
    profile (shares of a step's time by kind of operation) and `floor`: the seconds of an epoch of
    LeNet-5 if each of its multiply-accumulates ran at the speed of the fastest float32 matrix
    product (None if that was not timed).

    Raises:
        DataError: the file is not there, or no record of a bench.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']!r}, expected {FORMAT!r}")
        return frame(record)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; {_WAY_OUT}") from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: no record of a bench ({error}); {_WAY_OUT}") from error


_WAY_OUT = "make one with: python -m mnistlib bench"


def frame(record: dict) -> "pd.DataFrame":
    """The table of results() from a record in memory."""
    import pandas as pd

    rows = [_summary(row) for row in record["rows"]]
    ratios = _ratios(rows)
    table = pd.DataFrame(rows).drop(columns="against")
    table["ratio"] = [ratios.get(name, np.nan) for name in table["name"]]
    facts = ("machine", "versions", "dataset", "settings", "date")
    floors = {row["name"]: row["low"] for row in rows}
    table.attrs = {**{fact: record[fact] for fact in facts}, "floor": floors.get("floor")}
    table.attrs["targets"] = record.get("targets", [])  # records of before have none
    table.attrs["profile"] = record.get("profile", {})
    return table


def _ratios(rows: list[dict]) -> dict[str, float]:
    """How many times as fast as what it is held against, of each contestant where both ran."""
    medians = {row["name"]: row["seconds"] for row in rows}
    held = ((row["name"], row["against"]) for row in rows if row["against"] in medians)
    return {name: medians[against] / medians[name] for name, against in held}


def _summary(row: dict) -> dict:
    seconds = [each["seconds"] / each["images"] * row["per"] for each in row["repetitions"]]
    return {
        **{key: row[key] for key in ("name", "title", "group", "against", "ours", "per")},
        "seconds": float(np.median(seconds)),
        "low": min(seconds),
        "high": max(seconds),
        "n": len(seconds),
        "memory": max(each["memory"] for each in row["repetitions"]),
    }
