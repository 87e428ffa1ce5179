"""How fast: training and reading here beside the usual ways, timed on this machine."""

import json
import platform
import re
from collections.abc import Iterable
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from joblib import cpu_count
from tqdm.auto import tqdm

from mnistlib.base import OUT, DataError, UserError, pick, within, write_bytes
from mnistlib.bench.contestants import CONTESTANTS, Job, answer, lay_out, prepare, process
from mnistlib.dataset import DigitData

FORMAT = "mnistlib bench 1"
FACTS = ("machine", "versions", "dataset", "settings", "date")
LEGEND = """\
Seconds are medians of n repetitions, scaled to that many images; low and high the fastest and the
slowest. A ratio says how many times as fast as the first row of the group. Memory (MB) is the peak
of the process that did the work, without a DataLoader's workers."""


QUICK = {"batches": 30, "repetitions": 3}


def bench(
    data: DigitData,
    names: Iterable[str] | None = None,
    out: Path = OUT / "bench.json",
    batches: int = 200,
    repetitions: int = 5,
    threads: int = 1,
) -> pd.DataFrame:
    """Time the named contestants (all for None) on the CPU, print their table, write the record.

    A repetition of training has so many batches of 64; 938 are an epoch. Returns results(out).

    Raises:
        UserError: no such contestant, a number out of range, `out` is a folder, or the process of a
            contestant stopped.
    """
    wanted = {pick("contestant", name, CONTESTANTS) for name in names or CONTESTANTS}
    for name, most in (("batches", 100_000), ("repetitions", 1000), ("threads", 1024)):
        within(name, locals()[name], 1, most)
    if Path(out).is_dir():
        raise UserError(f"{out}: a folder, expected the name of a file; add /bench.json to it")
    with TemporaryDirectory(prefix="mnistlib-bench-") as folder:
        job = Job(Path(folder), batches, threads)
        lay_out(data, job.folder, wanted)
        heats = groupby((name for name in CONTESTANTS if name in wanted), _heat_of)
        rows = [row for _, heat in heats for row in _heat(list(heat), job, repetitions)]
    record = {"format": FORMAT, **_facts(data, job, repetitions), "rows": rows}
    write_bytes(Path(out), (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    frame = results(out)
    print(f"{_text(frame)}\nwrote {out}")
    return frame


def _heat_of(name: str) -> str:
    return CONTESTANTS[name]["about"]["group"].split()[0]


def _heat(names: list[str], job: Job, repetitions: int) -> list[dict]:
    """Time contestants in turn, every other time backwards, so that drift hits all alike."""
    found = {name: [] for name in names}
    turns = [name for turn in range(repetitions) for name in names[:: (-1) ** turn]]
    with ExitStack() as stack:
        teams = {
            name: [stack.enter_context(process()) for _ in range(CONTESTANTS[name]["processes"])]
            for name in names
        }
        wait([each.submit(prepare, name, job) for name in names for each in teams[name]])
        for name in tqdm(turns, unit=" timings", disable=None):
            try:
                answers = [each.submit(answer, name, job) for each in teams[name]]
                found[name].append(_together([each.result() for each in answers]))
            except BrokenProcessPool:
                raise UserError(f"contestant {name!r} stopped; is memory short?") from None
    return [{**CONTESTANTS[name]["about"], "repetitions": found[name]} for name in names]


def _together(parts: list[dict]) -> dict:
    """What was done at the same time: all its images, in the time of the slowest."""
    seconds, images, memory = ([part[key] for part in parts] for key in parts[0])
    return {"seconds": max(seconds), "images": sum(images), "memory": max(memory)}


def _facts(data: DigitData, job: Job, repetitions: int) -> dict:
    info = Path("/proc/cpuinfo")  # what the standard library does not tell on Linux
    named = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    cpu = named[1] if named else platform.processor() or platform.machine()
    sizes = {"n_train": len(data.train), "n_test": len(data.test), "is_sample": data.is_sample}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": cpu, "cores": cpu_count(), "threads": job.threads},
        "versions": {name: version(name) for name in ("torch", "torchvision", "numpy", "pillow")},
        "dataset": {"name": data.name, **sizes},
        "settings": {"batches": job.batches, "repetitions": repetitions},
    }


def results(path: str | Path) -> pd.DataFrame:
    """A bench's record as a table, one row a contestant.

    Columns: group, name, title, ours, per (images that its seconds are for), seconds (median), low,
    high (fastest, slowest), n (repetitions), memory (peak, bytes) and ratio (how many times as fast
    as the first of its group). `attrs` hold machine, versions, dataset, settings, date and `floor`:
    the seconds of an epoch of LeNet-5 if each of its multiply-accumulates ran at the speed of the
    fastest float32 matrix product (None if that was not timed).

    Raises:
        DataError: the file is not there, or no record of a bench.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']!r}, expected {FORMAT!r}")
        return _frame(record)
    except (OSError, ValueError, KeyError, TypeError) as error:
        way_out = "make one with: python -m mnistlib bench"
        raise DataError(f"{path}: no record of a bench ({error}); {way_out}") from error


def _frame(record: dict) -> pd.DataFrame:
    about = ["group", "name", "title", "ours", "per"]
    times = pd.json_normalize(record["rows"], "repetitions", about)  # a row a repetition
    times["seconds"] *= (times["per"] / times["images"]).astype(float)
    each = times.groupby(about, sort=False)
    frame = each["seconds"].agg(["median", "min", "max", "size"]).reset_index()
    frame = frame.rename(columns={"median": "seconds", "min": "low", "max": "high", "size": "n"})
    frame["memory"] = each["memory"].max().to_numpy()
    frame["ratio"] = frame.groupby("group")["seconds"].transform("first") / frame["seconds"]
    floor = frame.loc[frame["name"] == "floor", "low"]
    frame.attrs = {fact: record[fact] for fact in FACTS} | {"floor": min(floor, default=None)}
    return frame


def _text(frame: pd.DataFrame) -> str:
    data, machine, settings = (frame.attrs[fact] for fact in ("dataset", "machine", "settings"))
    shown = frame.assign(memory=(frame["memory"] / 1e6).round()).set_index(
        ["group", "per", "title"]
    )
    columns = ["seconds", "low", "high", "n", "ratio", "memory"]
    return (
        f"{data['name']}: {data['n_train']:,} training and {data['n_test']:,} test digits\n"
        f"{machine['cpu']}, {machine['cores']} cores; threads of a run: {machine['threads']}; "
        f"batches of 64: {settings['batches']}\n\n"
        f"{shown[columns].to_string(float_format='{:,.2f}'.format)}\n\n{LEGEND}"
    )
