"""Work that is killed at random moments: python -m tests.campaign kills --kills 50 --seed 0.

Each kind of work runs in a process group of its own, is killed by SIGKILL at a random moment, is
looked at, and is started again in the same folder until it comes through. What must hold: nothing
that looks finished is broken, nothing finished is lost, and the last result is that of work that
nobody disturbed.
"""

import gzip
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

# each work imports what is slow by itself, so that it is not killed in imports only
from mnistlib import base
from mnistlib.base import DataError
from mnistlib.dataset import DigitData, download, export, files, sample
from mnistlib.dataset.digits import dump
from tests.mirror import served

FINISHED = ("raw/[!.]*.gz", "cache/[!.]*", "runs/*/[!.]*.json")


@cache
def digits() -> DigitData:
    """A few hundred digits, the same for everybody."""
    few = sample().train.take(range(300), "few")
    return DigitData(few, few, "few", "the sample")


@cache
def contents() -> dict[str, bytes]:
    """What the mirror has, by name, the same at any time."""
    arrays = {"images.gz": digits().train.images, "labels.gz": digits().train.labels}
    return {name: gzip.compress(dump(array), 1, mtime=0) for name, array in arrays.items()}


def do_download(folder: Path) -> None:
    """Fetch two files from the mirror, whose address stands in a file."""
    hashes = {name[:-3]: sha256(content).hexdigest() for name, content in contents().items()}
    download(folder / "raw", [(folder / "address").read_text()], hashes)


def do_cache(folder: Path) -> None:
    """Write archives, and decode one into the cache."""
    base.CACHE = folder / "cache"
    archive, _ = export(sample(), folder, overwrite=True)
    (folder / "found").write_text(files.read_pictures(archive).fingerprint)


def do_train(folder: Path) -> None:
    """One run with a checkpoint after each epoch."""
    from mnistlib import runs
    from mnistlib.config import recipe
    from mnistlib.train import fit

    given = recipe("lenet5_reg", epochs=5, dropout=0.1)
    aside = runs.unfinished(folder / "runs", "only")
    runs.save(fit(given, digits(), progress=False, checkpoint=aside), folder / "runs")
    aside.unlink()


WORK = {do.__name__[3:]: do for do in (do_download, do_cache, do_train)}


def finished(folder: Path) -> set[str]:
    """The names of what is finished."""
    return {path.name for pattern in FINISHED for path in folder.glob(pattern)}


def look(folder: Path, kept: set[str]) -> list[str]:
    """What is wrong with what looks finished, in words; `kept` is what was finished before."""
    from mnistlib import runs

    lost = kept - finished(folder)
    problems = [f"lost: {sorted(lost)}"] if lost else []
    for path in folder.glob(FINISHED[0]):
        if path.read_bytes() != contents()[path.name]:
            problems.append(f"{path.name} is not what the mirror has")
    try:
        runs.load_all(folder / "runs", strict=True)
    except DataError as error:
        problems.append(str(error))
    return problems


def result(folder: Path) -> tuple:
    """What came out, without times: what is finished or still put aside, runs, what was read."""
    from mnistlib import runs
    from tests.same import untimed

    made = [untimed(run) for run in runs.load_all(folder / "runs", strict=True)]
    aside = sorted(folder.glob("runs/unfinished/[!.]*"))
    return finished(folder), aside, made, [path.read_text() for path in folder.glob("found")]


def undertake(kind: str, moments: Iterable[float] = ()) -> tuple[object, list[str], list[float]]:
    """Start the work, kill it after so many seconds, once for each moment, and let it through.

    Returns the result, the problems, and how long each process lived: all but the last were killed.
    """
    problems, seconds, kept = [], [], set()
    with TemporaryDirectory(prefix="kills-") as name, served(contents(), pause=0.02) as mirror:
        folder = Path(name)
        (folder / "address").write_text(mirror)
        command = [sys.executable, "-W", "ignore", "-m", "tests.kills", kind, name]
        for moment in (*moments, None):
            began = time.monotonic()
            process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            seconds.append(time.monotonic() - began)
            problems += look(folder, kept)
            kept = finished(folder)
            if process.returncode == 0:
                return result(folder), problems, seconds
            if process.returncode > 0:
                break
    return None, [*problems, f"exit status {process.returncode} after a kill"], seconds


@cache
def undisturbed(kind: str) -> tuple[object, float]:
    """What comes out where nobody kills, and how long it takes."""
    found, problems, [seconds] = undertake(kind)
    if problems:
        raise RuntimeError(f"{kind} fails by itself: {problems}")
    return found, seconds


def disturbed(kind: str, chance: np.random.Generator, most: int) -> tuple[int, list[str]]:
    """Kill the work up to `most` times at random moments; returns (kills, problems)."""
    wanted, seconds = undisturbed(kind)
    found, problems, lives = undertake(kind, chance.uniform(0, 0.8 * seconds, most))
    other = [] if found == wanted else ["another result than undisturbed"]
    return len(lives) - 1, problems + other


def search(kills: int, seed: int) -> int:
    """Kill until it is enough, all kinds of work in turn; print what came of it; 1 if anything."""
    chance, counts, problems = np.random.default_rng(seed), Counter(), []
    while counts.total() < kills:
        for kind in WORK:
            done, found = disturbed(kind, chance, most=4)
            counts[kind] += done
            problems += [f"{kind}: {problem}" for problem in found]
    for kind in WORK:
        print(f"{kind:10}{counts[kind]:6,} kills, {undisturbed(kind)[1]:6.1f} s undisturbed")
    print(f"{counts.total():,} kills, seed {seed}: {len(problems)} findings")
    print("\n".join(problems[:20]))
    return 1 if problems else 0


if __name__ == "__main__":
    WORK[sys.argv[1]](Path(sys.argv[2]))
