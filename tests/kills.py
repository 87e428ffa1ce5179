"""Work that is killed at random moments: python -m tests.campaign kills --kills 50 --seed 0.

Each kind of work runs in a process group of its own, is killed by SIGKILL at a random moment, is
looked at, and is started again in the same folder until it comes through. What must hold: nothing
that looks finished is broken, nothing finished is lost, and the last result is that of work that
nobody disturbed.
"""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import cache, partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np

# each work imports what is slow by itself, so that it is not killed in imports only
from mnistlib import base
from mnistlib.base import write_bytes
from mnistlib.dataset import DigitData, download, export, files, sample
from mnistlib.dataset.digits import dump

EPOCHS = 5


@cache
def digits() -> DigitData:
    """A few hundred digits, the same for everybody."""
    data = sample()
    few = {part: getattr(data, part).take(range(300), "few") for part in ("train", "test")}
    return replace(data, **few)


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
    """Decode an archive into the cache, and read it again from there."""
    base.CACHE = folder / "cache"
    found = files.read_pictures(folder / "train.tar")
    (folder / "found").write_text(found.fingerprint)


def do_train(folder: Path) -> None:
    """One run with a checkpoint after each epoch."""
    from mnistlib import runs
    from mnistlib.config import recipe
    from mnistlib.train import fit

    given = recipe("lenet5_reg", epochs=EPOCHS, dropout=0.1)
    options = {"threads": 1, "progress": False, "checkpoint": folder / "unfinished.safetensors"}
    runs.save(fit(given, digits(), **options), folder / "runs")
    options["checkpoint"].unlink()


def do_study(folder: Path) -> None:
    """Six short runs, two at a time."""
    from mnistlib.config import recipe
    from mnistlib.study import study

    recipes = [recipe("mlp", epochs=epochs) for epochs in (1, 2, 3)]
    study(recipes, [0, 1], digits(), folder / "runs", jobs=2, progress=False)


def do_report(folder: Path) -> None:
    """Three small pages, one of which takes its time."""
    import nbformat
    from nbformat import v4

    from mnistlib import report

    if (folder / "report" / "index.html").exists():  # a whole report would be made anew
        return
    sources = ["print(6 * 7)", "import time; time.sleep(0.3); print('slept')", "print('last')"]
    pages = [report.Page(f"0{number}_page", "A page") for number in range(len(sources))]
    for page, source in zip(pages, sources, strict=True):
        parameters = v4.new_code_cell('out_dir = ""', id="a", metadata={"tags": ["parameters"]})
        notebook = v4.new_notebook(cells=[parameters, v4.new_code_cell(source, id="b")])
        path = folder / "notebooks" / f"{page.notebook}.ipynb"
        if not path.exists():
            write_bytes(path, nbformat.writes(notebook).encode())
    report.build(folder / "report", pages=pages, notebooks=folder / "notebooks")


WORK = {do.__name__[3:]: do for do in (do_download, do_cache, do_train, do_study, do_report)}
FINISHED = {"download": "raw/[!.]*.gz", "cache": "cache/[!.]*", "report": "report/[!.]*.html"}


def broken(folder: Path) -> str:
    """What looks finished and is not, in words; "" where all is well."""
    import nbformat

    from mnistlib import runs

    for path in folder.glob(FINISHED["download"]):
        if path.read_bytes() != contents()[path.name]:
            return f"{path.name} is not what the mirror has"
    for path in folder.glob("runs/*/*.json"):
        runs.load(path)
    for path in folder.glob("report/0*.html"):
        if not path.read_text().rstrip().endswith("</html>"):
            return f"{path.name} is cut off"
        nbformat.validate(nbformat.read(path.with_suffix(".ipynb"), as_version=4))
    return ""


def finished(kind: str, folder: Path) -> set[str]:
    """The names of what is finished; it must not become less."""
    return {path.name for path in folder.glob(FINISHED.get(kind, "runs/*/[!.]*.json"))}


def result(kind: str, folder: Path) -> str:
    """What came out, without times, as text that can be compared."""
    from mnistlib import runs

    if kind == "download":
        return str(sorted(finished(kind, folder)))
    if kind == "cache":
        return (folder / "found").read_text()
    if kind == "report":
        return "\n".join(path.read_text() for path in sorted(folder.glob(FINISHED[kind])))
    records = [asdict(run) for run in runs.load_all(folder / "runs", strict=True)]
    for record in records:
        record["history"]["seconds"] = None
    left = (folder / "unfinished.safetensors").exists()
    return json.dumps([records, left], sort_keys=True)


@contextmanager
def prepared(kind: str):
    """A folder with what the work needs."""
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Slow, directory=folder))
    Thread(target=partial(server.serve_forever, 0.01), daemon=True).start()
    (folder / "address").write_text(f"http://127.0.0.1:{server.server_port}/")
    for name, content in contents().items():
        (folder / name).write_bytes(content)
    try:
        if kind == "cache":
            export(sample(), folder)
        yield folder
    finally:
        server.shutdown()
        server.server_close()
        shutil.rmtree(folder, ignore_errors=True)


class Slow(SimpleHTTPRequestHandler):
    """A mirror that sends a little at a time."""

    def copyfile(self, source, outputfile):
        with suppress(OSError):  # whoever asked was killed
            while piece := source.read(2**11):
                outputfile.write(piece)
                time.sleep(0.02)

    def log_message(self, *args):
        pass


def start(kind: str, folder: Path) -> subprocess.Popen:
    """The work in a process group of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.kills", kind, str(folder)]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)


def undisturbed(kind: str) -> tuple[str, float]:
    """What comes out where nobody kills, and how long it takes."""
    with prepared(kind) as folder:
        began = time.monotonic()
        if start(kind, folder).wait():
            raise RuntimeError(f"{kind} fails by itself")
        return result(kind, folder), time.monotonic() - began


def disturbed(kind: str, wanted: str, seconds: float, chance: np.random.Generator, most: int):
    """Kill the work up to `most` times, then let it through; returns (kills, problems)."""
    problems, kills, kept = [], 0, set()
    with prepared(kind) as folder:
        while True:
            process = start(kind, folder)
            try:
                process.wait(chance.uniform(0, 0.8 * seconds) if kills < most else None)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
            problems += _look(kind, folder, kept)
            kept = finished(kind, folder)
            if process.returncode == 0:
                break
            if process.returncode > 0:
                return kills, [*problems, f"exit status {process.returncode} after a kill"]
        if result(kind, folder) != wanted:
            problems.append("another result than undisturbed")
    return kills, problems


def _look(kind: str, folder: Path, kept: set[str]) -> list[str]:
    lost = kept - finished(kind, folder)
    try:
        wrong = broken(folder)
    except Exception as error:  # any is a finding
        wrong = repr(error)
    return [f"lost: {sorted(lost)}"] * bool(lost) + [wrong] * bool(wrong)


def search(kills: int, seed: int) -> int:
    """Kill until it is enough, all kinds of work in turn; print what came of it; 1 if anything."""
    chance, counts, problems = np.random.default_rng(seed), Counter(), []
    references = {kind: undisturbed(kind) for kind in WORK}
    while counts.total() < kills:
        for kind, (wanted, seconds) in references.items():
            done, found = disturbed(kind, wanted, seconds, chance, most=4)
            counts[kind] += done
            problems += [f"{kind}: {problem}" for problem in found]
    for kind, (_, seconds) in references.items():
        print(f"{kind:10}{counts[kind]:6,} kills, {seconds:6.1f} s undisturbed")
    print(f"{counts.total():,} kills, seed {seed}: {len(problems)} findings")
    print("\n".join(problems[:20]))
    return 1 if problems else 0


if __name__ == "__main__":
    WORK[sys.argv[1]](Path(sys.argv[2]))
