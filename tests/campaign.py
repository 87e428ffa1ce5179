"""Longer searches for weak spots than the test suite has time for.

    python -m tests.campaign readers --minutes 15 --seed 0
    python -m tests.campaign kills --kills 50 --seed 0

The second is told of in tests/kills.py. The first feeds the readers valid files that were damaged
at random, in child processes of bounded memory, and exits 1 where any answer is not digits that
satisfy their invariants, nor DataError, or where one takes too long or too much. The same seed
makes the same inputs.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

SECONDS = 10  # of processor time for one input
WALL = 600  # of the clock, for all inputs of a child
MEMORY = 10**9  # bytes for one reading process
ADDRESSES = 2 * MEMORY  # of address space, which libraries reserve beyond what they use
PER_CHILD = 500  # inputs; a child's peak memory is that of its most demanding input


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign that the command line names; 1 if it found anything."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign")
    commands = parser.add_subparsers(required=True, metavar="campaign")
    readers = commands.add_parser("readers", help="damaged files for the readers of digits")
    readers.add_argument("--minutes", type=float, default=15)
    readers.add_argument("--seed", type=int, default=0)
    readers.set_defaults(run=lambda options: search(options.minutes, options.seed))
    kills = commands.add_parser("kills", help="work that is killed at random moments")
    kills.add_argument("--kills", type=int, default=50)
    kills.add_argument("--seed", type=int, default=0)
    kills.set_defaults(run=_kills)
    child = commands.add_parser("child")  # started by readers
    child.add_argument("seed", type=int)
    child.add_argument("first", type=int)
    child.set_defaults(run=lambda options: work(options.seed, options.first))
    options = parser.parse_args(arguments)
    return options.run(options)


def _kills(options: argparse.Namespace) -> int:
    from tests import kills

    return kills.search(options.kills, options.seed)


def search(minutes: float, seed: int) -> int:
    """Start one child after the other until time is up; print the table of what came back."""
    counts, slowest, peak, findings = Counter(), (0.0, -1), 0, []
    first, end = 0, time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        lines, ending = _child(seed, first, end)
        done = [line.split("\t") for line in lines if line.count("\t") == 5]
        for number, kind, answer, seconds, memory, note in done:
            counts[kind, answer] += 1
            slowest = max(slowest, (float(seconds), int(number)))
            peak = max(peak, int(memory))
            if answer not in ("accepted", "refused"):
                findings.append(f"input {number} ({kind}): {answer}: {note}")
        first += len(done)
        if ending:
            findings.append(f"input {first}: crashed: {ending}")
            counts["?", "crashed"] += 1
            first += 1
    _table(counts, slowest, peak, findings, first, seed)
    return 1 if findings else 0


def _child(seed: int, first: int, end: float) -> tuple[list[str], str]:
    """The lines of a child, and how it died where it did; killed where time is up."""
    command = [sys.executable, "-m", "tests.campaign", "child", str(seed), str(first)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    left, problem = end - time.monotonic() + 1, ""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        try:
            wait = min(left, WALL)
            done = subprocess.run(command, stdout=out, stderr=errors, env=environment, timeout=wait)
            errors.seek(0)
            problem = done.returncode and f"exit {done.returncode}: {errors.read()[-400:]}"
        except subprocess.TimeoutExpired:
            problem = f"{PER_CHILD} inputs took more than {WALL} s" if left > WALL else ""
        out.seek(0)
        return out.read().splitlines(), problem


def work(seed: int, first: int) -> int:
    """Feed PER_CHILD inputs to the readers, a line for each."""
    import numpy as np

    from mnistlib import base
    from mnistlib.dataset import files
    from tests import broken, mutations

    with tempfile.TemporaryDirectory() as folder:
        base.CACHE = Path(folder) / "cache"
        files.decode(broken.PICTURE)  # imports, before memory is limited and time is taken
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
        for number in range(first, first + PER_CHILD):
            kind, path = mutations.make(np.random.default_rng([seed, number]), Path(folder))
            start = time.process_time()
            answer, note = _judge(mutations.KNOWN[kind][1], path)
            seconds = time.process_time() - start
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            answer = answer if seconds < SECONDS else "too slow"
            answer = answer if memory < MEMORY else "too much memory"
            note = note.replace("\t", " ").replace("\n", " | ")
            print(number, kind, answer, f"{seconds:.3f}", memory, note, sep="\t", flush=True)
            mutations.clear(Path(folder))
    return 0


def _judge(read, path: Path) -> tuple[str, str]:
    """How a reader takes a file: accepted, refused, or what is wrong with its answer."""
    from mnistlib.base import DataError

    try:
        found = read(path)
    except DataError as error:
        named = str(path) in str(error)
        return ("refused", "") if named else ("wrong answer", f"names no file: {error}")
    except MemoryError:
        return "too much memory", traceback.format_exc()[-300:]
    except BaseException:
        return "crashed", traceback.format_exc()[-600:]
    wrong = _broken_invariant(found)
    return ("wrong answer", wrong) if wrong else ("accepted", "")


def _broken_invariant(digits) -> str:
    """Checked anew here: Digits' own checks are on trial too."""
    n = len(digits.labels)
    images, labels = digits.images, digits.labels
    if str(images.dtype) != "uint8" or images.shape != (n, 28, 28) or n == 0:
        return f"images {images.dtype} {images.shape}"
    if str(labels.dtype) != "int64" or labels.shape != (n,) or not set(labels) <= set(range(10)):
        return f"labels {labels.dtype} {labels.shape} {sorted(set(labels.ravel()))[:20]}"
    return ""


def _table(counts: Counter, slowest: tuple, peak: int, findings: list, n: int, seed: int) -> None:
    kinds = sorted({kind for kind, _ in counts})
    answers = ["accepted", "refused"]
    answers += sorted({answer for _, answer in counts} - set(answers))
    print(f"{'':12}" + "".join(f"{answer:>16}" for answer in answers))
    for kind in kinds:
        print(f"{kind:12}" + "".join(f"{counts[kind, answer]:16,}" for answer in answers))
    print(f"{n:,} inputs, seed {seed}; slowest {slowest[0]:.2f} s (input {slowest[1]}), ", end="")
    print(f"peak memory {peak / 1e6:,.0f} MB, {len(findings)} findings")
    print("\n".join(findings[:20]))


if __name__ == "__main__":
    sys.exit(main())
