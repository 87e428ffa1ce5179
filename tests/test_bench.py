import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from joblib import cpu_count

from mnistlib import base
from mnistlib.base import BENCH, UserError
from mnistlib.bench import BATCH, CONTESTANTS, bench, results
from mnistlib.config import recipe
from mnistlib.dataset import sample
from mnistlib.train import fit


def test_every_contestant_works(tiny, tmp_path, monkeypatch):
    # in threads of this process, which must stay as it is, on as little as there can be
    monkeypatch.setattr("mnistlib.bench.ProcessPoolExecutor", lambda n, _: ThreadPoolExecutor(n))
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    monkeypatch.setattr("mnistlib.bench.WARM_UP", 1)
    monkeypatch.setattr("mnistlib.bench.SIDE", 64)
    monkeypatch.setattr(base, "CACHE", base.CACHE)  # contestants that read set their own
    frame = bench(tiny, out=tmp_path / "bench.json", batches=2, repetitions=1)
    assert list(frame["name"]) == list(CONTESTANTS)
    assert (frame["seconds"] > 0).all()
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    images = {row["name"]: row["repetitions"][0]["images"] for row in rows}
    forward = 117_600 + 240_000 + 48_000 + 10_080 + 840  # multiply-accumulates of LeNet-5
    expected = dict.fromkeys(CONTESTANTS, 2 * BATCH) | {"two_runs": 4 * BATCH}
    expected |= {name: 300 for name in CONTESTANTS if name.startswith("read_")}
    expected["floor"] = 64**3 / (3 * forward - 117_600)  # no gradient of the images
    assert images == expected


def test_seconds_are_scaled_medians_and_ratios_those_of_the_groups_first(tmp_path):
    def row(name, group, *seconds):
        each = [{"seconds": s, "images": 600, "memory": 10 * s} for s in seconds]
        return {"name": name, "group": group, "title": name, "repetitions": each}

    rows = [row("reference", "training", 3, 1, 2), row("ours_distorted", "training", 0.5)]
    rows += [row("floor", "floor", 0.2, 0.1), row("read_tar", "reading", 6)]
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"machine": {"cores": 2}, "rows": rows}))
    frame = results(path)
    assert frame.attrs == {"machine": {"cores": 2}, "floor": 10}
    columns = ["seconds", "low", "high", "n", "memory", "ours", "ratio"]
    assert frame[columns].to_numpy().tolist() == [
        [200, 100, 300, 3, 30, False, 1],
        [50, 50, 50, 1, 5, True, 4],
        [pytest.approx(15), 10, 20, 2, 2, False, 1],
        [700, 700, 700, 1, 60, False, 1],
    ]


def test_beside_busy_processes_an_epoch_takes_at_most_three_times_as_long():
    data = sample()

    def fastest():  # whatever else the machine does can only add to it
        runs = [fit(recipe("lenet5", epochs=1), data, progress=False) for _ in range(3)]
        return min(run.history["seconds"][0] for run in runs)

    quiet = fastest()
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cpu_count())
    ]
    try:
        assert fastest() <= 3 * quiet
    finally:
        for each in busy:
            each.kill()
            each.wait()


def test_the_committed_record_is_that_of_todays_contestants():
    assert list(results(BENCH)["name"]) == list(CONTESTANTS)


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    code = "from mnistlib.bench import bench; from mnistlib.dataset import sample; "
    code += f"bench(sample(), ['ours'], {str(tmp_path / 'bench.json')!r}, repetitions=1000)"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE
    )
    while not list(tmp_path.glob("mnistlib-bench-*/MNIST/raw/*")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1].rstrip().endswith(b"KeyboardInterrupt")
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_refused_before_anything_is_timed(tiny, tmp_path):
    with pytest.raises(UserError, match=r"Did you mean 'ours'\? Valid: reference, "):
        bench(tiny, ["our"])
    with pytest.raises(UserError, match="a folder, expected the name of a file"):
        bench(tiny, ["floor"], tmp_path)
