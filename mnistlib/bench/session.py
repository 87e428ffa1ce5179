"""One bench for a person: time everything, print the table, write the record."""

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mnistlib import base
from mnistlib.base import UserError
from mnistlib.bench import files, processes, record, table
from mnistlib.bench.contestants import CONTESTANTS, choose
from mnistlib.bench.settings import Settings
from mnistlib.dataset import DigitData


def bench(
    data: DigitData,
    settings: Settings = Settings(),  # noqa: B008 - frozen
    names: Iterable[str] | None = None,
    out: Path = base.OUT / "bench.json",
) -> dict:
    """Time the contestants on the CPU, print their table and write the record to `out`.

    Args:
        data: digits of any origin; times are scaled to 60,000 training images.
        names: contestants in CONTESTANTS; None for all.

    Returns:
        the record, which record.results reads back from the file.

    Raises:
        UserError: no such contestant, `out` is a folder, or the process of a contestant stopped.
    """
    chosen = choose(names)
    if Path(out).is_dir():
        raise UserError(f"{out}: a folder, expected the name of a file; add /bench.json to it")
    Path(out).parent.mkdir(parents=True, exist_ok=True)  # fails now rather than minutes later
    with tempfile.TemporaryDirectory(prefix="mnistlib-bench-") as folder:
        print(f"writing {len(data.train):,} digits in each form …", file=sys.stderr)
        files.lay_out(data, Path(folder), chosen)
        with _bar(chosen, settings) as bar:
            samples = processes.measure(chosen, folder, settings, lambda _: bar.update())
        profile = _profile(folder, settings, chosen)
    made = record.make(data, settings, samples, profile)
    record.write(made, out)
    print(table.text(record.frame(made)))
    print(f"wrote {out}")
    return made


def _profile(folder: str, settings: Settings, names: list[str]) -> dict[str, float]:
    if "step_ours" not in names:
        return {}
    from mnistlib.bench import profiling

    return profiling.measure(Path(folder), settings.all_threads)


def _bar(names: list[str], settings: Settings):
    from tqdm.auto import tqdm

    once = sum(CONTESTANTS[name].once for name in names)
    total = once + (len(names) - once) * settings.repetitions
    return tqdm(total=total, unit="timing", disable=None, file=sys.stderr)
