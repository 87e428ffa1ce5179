import json
import os
import signal
import subprocess
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mnistlib import plots
from mnistlib.base import BENCH, UserError
from mnistlib.bench import BATCH, Job, bench, product, results
from mnistlib.dataset import sample

NAMES = ["reference", "ours", "floor", "two_runs", "read_tar"]


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """The file of a small bench."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    bench(tiny, NAMES, path, batches=2, repetitions=2)
    return path


def test_seconds_are_scaled_medians_and_ratios_those_of_the_groups_first(made):
    rows = {row["name"]: row["repetitions"] for row in json.loads(made.read_text())["rows"]}
    assert {name: len(repetitions) for name, repetitions in rows.items()} == dict.fromkeys(NAMES, 2)
    images = {name: repetitions[0]["images"] for name, repetitions in rows.items()}
    assert [images[name] for name in NAMES if name != "floor"] == [2 * BATCH] * 2 + [4 * BATCH, 300]
    frame = results(made).set_index("name")
    seconds = [one["seconds"] / (2 * BATCH) * 60_000 for one in rows["reference"]]
    assert frame.seconds["reference"] == pytest.approx(np.median(seconds))
    ends = frame.low["reference"], frame.high["reference"]
    assert ends == pytest.approx((min(seconds), max(seconds)))
    assert frame.ratio["ours"] == pytest.approx(frame.seconds["reference"] / frame.seconds["ours"])
    assert frame.attrs["floor"] == frame.low["floor"] > 0


def test_the_floor_counts_forward_and_backward_without_the_images_gradient(tmp_path):
    forward = 117_600 + 240_000 + 48_000 + 10_080 + 840
    assert product(Job(tmp_path))[1] == 1024**3 / (3 * forward - 117_600)


def test_beside_busy_processes_an_epoch_takes_at_most_three_times_as_long(tmp_path):
    frame = bench(sample(), ["quiet_1", "busy_1"], tmp_path / "bench.json", repetitions=3)
    fastest = frame.set_index("name")["low"]  # whatever else the machine does can only add to it
    assert fastest["busy_1"] <= 3 * fastest["quiet_1"]


def test_the_committed_record_is_read_and_drawn():
    frame = results(BENCH)
    shown = frame[frame["group"].str.startswith("training")]
    ax = plots.speed(plt.subplots()[1], shown, frame.attrs["floor"])
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(list(shown["seconds"]))
    assert [label.get_text() for label in ax.get_yticklabels()] == list(shown["title"])
    plt.close("all")


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    code = "from mnistlib.bench import bench; from mnistlib.dataset import load; "
    code += f"bench(load(), ['ours'], {str(tmp_path / 'bench.json')!r}, repetitions=1000)"
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
    for change in ({"batches": 0}, {"repetitions": -1}, {"threads": 0}):
        with pytest.raises(UserError, match="is out of range"):
            bench(tiny, ["floor"], **change)
