"""What `python -m mnistlib study` does."""

import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mnistlib import base, runs
from mnistlib.ablations import ROWS
from mnistlib.base import expect_writable, own_output
from mnistlib.dataset import DigitData, load
from mnistlib.study import StudyError, study
from mnistlib.study.estimate import dry_run
from mnistlib.study.plan import choose, parse_seeds
from mnistlib.study.pools import check_options, open_pool


def command(
    only: Sequence[str] | None = None,
    seeds: str = "0-9",
    epochs: int | None = None,
    data_dir: str | None = None,
    out: Path | None = None,
    show: bool = False,
    **where: object,
) -> int:
    """Make the study's missing runs, or with `show` only say which they are and how long it takes.

    `where` are study()'s jobs, backend and scheduler. Returns 0, 1 where runs failed, 130 after
    Ctrl-C.

    Raises:
        UserError: an option makes no sense.
    """
    rows, numbers = choose(ROWS, only, epochs), parse_seeds(seeds)
    check_options(**where)
    if out is not None and not show:
        expect_writable(out)
    data = load(data_dir)
    folder = _folder(data, out, epochs)
    if show:
        print("\n".join(_dry_run(rows, numbers, data, folder, where)))
        return 0
    try:
        # joblib's advice to a generator that is not used up; here it was stopped on purpose
        warnings.filterwarnings("ignore", r"\d+ tasks ", UserWarning, "joblib")
        with _quiet_stop():
            study(rows, numbers, data, folder, **where)
    except StudyError as failed:
        print(f"mnistlib: error: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"\nmnistlib: stopped; finished runs are in {folder}, and the same command makes "
            "the rest",
            file=sys.stderr,
        )
        return 130
    return 0


@contextmanager
def _quiet_stop() -> Iterator[None]:
    """After Ctrl-C, what the pool's threads die of is no news to the reader."""

    def stop(number: int, frame: object) -> None:
        threading.excepthook = lambda _: None
        signal.default_int_handler(number, frame)

    if threading.current_thread() is not threading.main_thread():  # Python sets signals there only
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _dry_run(rows, seeds, data: DigitData, folder: Path, where: dict) -> list[str]:
    found = runs.load_all(folder)
    known = [*found, *(runs.load_all(base.RUNS) if folder != base.RUNS else [])]
    with open_pool(**{**where, "backend": None}) as pool:  # starts nothing, asks a cluster
        return dry_run(rows, seeds, data.fingerprint, len(data.train), found, known, pool.workers)


def _folder(data: DigitData, out: Path | None, epochs: int | None) -> Path:
    """Only the study itself goes into the records behind the report: no trial, no other digits."""
    if out is None:
        return base.RUNS if data.name == "MNIST" and epochs is None else base.OUT / "runs"
    return own_output(out, data, parts=())
