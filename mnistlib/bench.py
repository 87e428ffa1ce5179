"""How fast: training and reading here beside the usual ways, timed on this machine.

Each contestant is a function of a folder with digits, and of how many batches to train on (938 are
an epoch). It works in a process of its own, and returns its seconds and for how many images.
"""

import json
import re
import shutil
import tarfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from timeit import repeat, timeit

import numpy as np
import pandas as pd
import torch
from joblib import cpu_count
from PIL import Image
from torch.utils.data import DataLoader, RandomSampler
from tqdm.auto import tqdm

from mnistlib import base
from mnistlib.base import OUT, UserError, pick, write_bytes
from mnistlib.config import recipe
from mnistlib.counting import derive
from mnistlib.dataset import MEAN, STD, DigitData, export, load
from mnistlib.dataset.digits import FILES, dump
from mnistlib.model import LeNet5
from mnistlib.train import fit, train

BATCH, WARM_UP = 64, 10  # images a step; steps of the round that is not timed
SIDE = 1024  # of the square matrices whose product gives the floor
RAW, TARS = "MNIST/raw", "tars"  # where digits lie; the first is torchvision's choice


def usual(folder: Path, batches: int, augment: bool = False) -> tuple[float, int]:
    """Our network and loop, fed by torchvision's data set behind a DataLoader."""
    from torchvision import datasets, transforms  # here: no other process is to hold it

    # the bounds of mnistlib.augment: 2 pixels of 28; a shear of 0.1 is 5.7 degrees
    affine = transforms.RandomAffine(12, (2 / 28, 2 / 28), (0.88, 1.12), 5.7)
    steps = [transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))]
    look = transforms.Compose([affine, *steps] if augment else steps)
    digits = datasets.MNIST(folder, train=True, transform=look)
    sampler = RandomSampler(digits, num_samples=batches * BATCH)
    loader, model = DataLoader(digits, BATCH, sampler=sampler), LeNet5()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    epoch = partial(train, model, loader, "cpu", torch.nn.CrossEntropyLoss(), optimizer)
    return timeit(epoch, number=1), len(sampler)


def ours(folder: Path, batches: int, kind: str = "none") -> tuple[float, int]:
    """fit() on the first images, by its own clock; one test image is left."""
    data, n = load(folder / RAW), batches * BATCH
    part = data.train.take(np.arange(n) % len(data.train), "part")
    part = replace(data, train=part, test=data.test.take(np.arange(1), "one"))
    plain = recipe("lenet5", epochs=1, augment=kind)
    return fit(plain, part, device="cpu", progress=False).history["seconds"][0], n


def reading(folder: Path, batches: int, where: str, again: bool = False) -> tuple[float, int]:
    """load() of files that the system has at hand; `again`, of what our own cache keeps of them."""
    base.CACHE = folder / f"cache of {where}, {again}"
    if not again:
        shutil.rmtree(base.CACHE, ignore_errors=True)
    start = time.perf_counter()
    data = load(folder / where)
    return time.perf_counter() - start, len(data.train) + len(data.test)


def pillow(folder: Path, batches: int) -> tuple[float, int]:
    """Both archives, picture by picture."""
    start, images = time.perf_counter(), []
    for path in (folder / TARS).glob("*.tar"):
        with tarfile.open(path) as archive:
            for member in archive:
                images.append(np.array(Image.open(archive.extractfile(member))))
    return time.perf_counter() - start, len(images)


def product(folder: Path, batches: int) -> tuple[float, float]:
    """The fastest of twenty products of matrices, and the images of training that cost as much:
    a pass forward and two backward for each layer, but one for the first, whose input needs none.
    """
    macs = [layer.macs for layer in derive("lenet5") if layer.macs]
    a, b = torch.rand(2, SIDE, SIDE)
    images = SIDE**3 / (3 * sum(macs) - macs[0])
    return min(repeat(partial(torch.mm, a, b), number=1, repeat=20)), images


DISTORTED, READING = "training with distortion", "reading"
CONTESTANTS = {  # group, title, function; ratios refer to the first of a group
    "reference": ("training", "torchvision + DataLoader", usual),
    "ours": ("training", "mnistlib", ours),
    "reference_distorted": (DISTORTED, "torchvision + RandomAffine", partial(usual, augment=True)),
    "ours_distorted": (DISTORTED, "mnistlib, affine+elastic", partial(ours, kind="affine+elastic")),
    "floor": ("floor", f"{SIDE}×{SIDE} matrix product", product),
    "one_run": ("side by side", "one run after the other", ours),
    "two_runs": ("side by side", "two runs at the same time", ours),
    "read_pillow": (READING, "tar, a plain loop with Pillow", pillow),
    "read_tar": (READING, "tar, first time", partial(reading, where=TARS)),
    "read_tar_again": (READING, "tar, again", partial(reading, where=TARS, again=True)),
    "read_idx": (READING, "IDX files", partial(reading, where=RAW)),
}
AT_ONCE = {"two_runs": 2}  # processes; one for all others


def measure(name: str, folder: Path, batches: int) -> dict:
    """Seconds and images of one repetition, and this process's peak memory so far in bytes."""
    torch.set_num_threads(1)
    seconds, images = CONTESTANTS[name][2](folder, batches)
    status = Path("/proc/self/status")  # not getrusage, which starts at the parent's peak
    peak = re.search(r"VmHWM:\s*(\d+)", status.read_text())[1] if status.exists() else 0
    return {"seconds": seconds, "images": images, "memory": 1024 * int(peak)}


def bench(
    data: DigitData, names=None, out=OUT / "bench.json", batches=200, repetitions=5
) -> pd.DataFrame:
    """Time the named contestants (all for None); print and return results(out). UserError where
    there is no such contestant, or `out` is a folder."""
    wanted = {pick("contestant", name, CONTESTANTS) for name in names or CONTESTANTS}
    if Path(out).is_dir():
        raise UserError(f"{out}: a folder, expected the name of a file; add /bench.json to it")
    with TemporaryDirectory(prefix="mnistlib-bench-") as scratch:
        folder = Path(scratch)
        arrays = [data.train.images, data.train.labels, data.test.images, data.test.labels]
        for file, array in zip(FILES, arrays, strict=True):
            write_bytes(folder / RAW / file, dump(array))
        export(data, folder / TARS)
        chosen = [name for name in CONTESTANTS if name in wanted]
        heats = groupby(chosen, lambda name: CONTESTANTS[name][0].split()[0])
        rows = [row for _, heat in heats for row in _heat(list(heat), folder, batches, repetitions)]
    info = Path("/proc/cpuinfo")  # what the standard library does not tell on Linux
    cpu = re.search(r"model name\s*: (.*)|$", info.read_text() if info.exists() else "")[1]
    machine = {"cpu": cpu or "unknown", "cores": cpu_count(), "threads": 1}
    record = json.dumps({"dataset": data.name, "machine": machine, "rows": rows}, indent=1)
    write_bytes(Path(out), record.encode())
    frame = results(out)
    print(f"{data.name}; {machine}\n\n{frame.round(2).to_string()}\n\nwrote {out}")
    return frame


def _heat(names: list[str], folder: Path, batches: int, repetitions: int) -> list[dict]:
    """Time contestants in turn, every other time backwards, so that drift hits all alike."""
    pools, rows, spawn = {}, {}, torch.multiprocessing.get_context("spawn")
    for name in names:
        group, title, _ = CONTESTANTS[name]
        rows[name] = {"name": name, "group": group, "title": title, "repetitions": []}
        pools[name] = ProcessPoolExecutor(AT_ONCE.get(name, 1), spawn)
        _together(pools[name], name, folder, WARM_UP)  # the first time takes longer
    orders = [names, names[::-1]] * repetitions
    turns = [name for order in orders[:repetitions] for name in order]
    for name in tqdm(turns, unit=" timings", disable=None):
        rows[name]["repetitions"].append(_together(pools[name], name, folder, batches))
    for pool in pools.values():
        pool.shutdown()
    return list(rows.values())


def _together(pool: ProcessPoolExecutor, name: str, folder: Path, batches: int) -> dict:
    """What was done at the same time: all its images, in the time of the slowest."""
    parts = pd.DataFrame(pool.map(partial(measure, name, folder), [batches] * AT_ONCE.get(name, 1)))
    return parts.agg({"seconds": "max", "images": "sum", "memory": "max"}).to_dict()


def results(path: str | Path) -> pd.DataFrame:
    """A bench's record as a table, one row a contestant.

    Columns: group, name, title; seconds (median), low, high for 60,000 images to train on or
    70,000 to read; n; peak memory (bytes); ours; ratio (how many times as fast as the group's
    first). `attrs`: the machine and `floor`, the seconds of an epoch of LeNet-5 at the speed of the
    fastest float32 matrix product, or None.
    """
    record = json.loads(Path(path).read_text(encoding="utf-8"))
    about = ["group", "name", "title"]
    times = pd.json_normalize(record["rows"], "repetitions", about)  # a row a repetition
    times["seconds"] *= np.where(times["group"] == READING, 70_000, 60_000) / times["images"]
    each = times.groupby(about, sort=False)
    frame = each["seconds"].agg(seconds="median", low="min", high="max", n="size")
    frame = frame.assign(memory=each["memory"].max()).reset_index()
    frame["ours"] = frame["name"].str.startswith("ours")
    frame["ratio"] = frame.groupby("group")["seconds"].transform("first") / frame["seconds"]
    floor = frame.loc[frame["name"] == "floor", "low"]
    frame.attrs = {"machine": record["machine"], "floor": min(floor, default=None)}
    return frame
