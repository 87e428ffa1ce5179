"""Longer searches for weak spots than the test suite has time for.

    python -m tests.campaign readers --minutes 15 --seed 0
    python -m tests.campaign kills --kills 50 --seed 0

The second is told of in tests/kills.py. The first feeds the readers valid files that were damaged
at random, by the seed, in child processes of bounded memory, and exits 1 where an answer is neither
digits that satisfy their invariants nor DataError, or takes too much time or memory.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from mnistlib import base
from mnistlib.base import DataError
from tests import kills, mutations

SECONDS = 10  # of processor time for one input
WALL = 60  # seconds of the clock for one input; a child that has crashed gives no answer either
MEMORY = 10**9  # bytes for one reading process
PER_CHILD = 500  # inputs; a child's peak memory is that of its most demanding input


def main() -> int:
    """Run the campaign that the command line names; 1 if it found anything."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign")
    parser.add_argument("campaign", choices=("readers", "kills"))
    parser.add_argument("--minutes", type=float, default=15, help="that readers are searched")
    parser.add_argument("--kills", type=int, default=50, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.campaign == "readers":
        return search(options.minutes, options.seed)
    return kills.search(options.kills, options.seed)


def search(minutes: float, seed: int) -> int:
    """Feed one child after the other until time is up or one crashes; print what came back."""
    answers, end = [], time.monotonic() + 60 * minutes
    with multiprocessing.get_context("fork").Pool(1, bound, maxtasksperchild=PER_CHILD) as child:
        while time.monotonic() < end:
            waiting = child.apply_async(answer, [seed, len(answers)])
            try:
                answers.append(waiting.get(WALL))
            except multiprocessing.TimeoutError:
                answers.append(("?", "crashed", WALL, 0, "no answer from the child"))
                break
    return _table(answers, seed)


def bound() -> None:
    """Bound what a child reserves beyond what libraries do, which is more than they use."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def answer(seed: int, number: int) -> tuple[str, str, float, int, str]:
    """One input: its kind, how it was taken, in which time and memory, and what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        base.CACHE = Path(folder) / "cache"
        kind, path = mutations.make([seed, number], Path(folder))
        start = time.process_time()
        found, note = judge(mutations.READERS[kind], path)
        seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = found if seconds < SECONDS else "too slow"
    return kind, found, seconds, memory, note


def judge(read, path: Path) -> tuple[str, str]:
    """How a reader takes a file: accepted, refused, or what is wrong with its answer."""
    try:
        found = read(path)
    except DataError as error:
        named = str(path) in str(error)
        return ("refused", "") if named else ("wrong answer", f"names no file: {error}")
    except BaseException:  # MemoryError too: see bound()
        return "crashed", traceback.format_exc()[-600:]
    # checked anew here: Digits' own checks are on trial too
    images, labels, n = found.images, found.labels, len(found.labels)
    right = n and images.shape == (n, 28, 28) and str(images.dtype) == "uint8"
    right = right and labels.shape == (n,) and str(labels.dtype) == "int64"
    if right and set(labels.tolist()) <= set(range(10)):
        return "accepted", ""
    return "wrong answer", f"{images.dtype} {images.shape}, {labels.dtype} {labels.shape} {labels}"


def _table(answers: list[tuple[str, str, float, int, str]], seed: int) -> int:
    counts = Counter((kind, found) for kind, found, *_ in answers)
    for (kind, found), n in sorted(counts.items()):
        print(f"{kind:8} {found:16} {n:10,}")
    findings = [
        f"input {number} ({kind}): {found}: {note}"
        for number, (kind, found, _, _, note) in enumerate(answers)
        if found not in ("accepted", "refused")
    ]
    slowest, peak = max(each[2] for each in answers), max(each[3] for each in answers)
    print(f"{len(answers):,} inputs, seed {seed}; slowest {slowest:.2f} s, ", end="")
    print(f"peak memory {peak / 1e6:,.0f} MB, {len(findings)} findings")
    print("\n".join(findings[:20]))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
