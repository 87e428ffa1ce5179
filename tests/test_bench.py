import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from mnistlib import plots
from mnistlib.__main__ import main
from mnistlib.base import DataError, UserError
from mnistlib.bench import CONTESTANTS, Settings, bench, results
from mnistlib.bench.contestants import choose
from mnistlib.bench.matmul import step_macs
from mnistlib.bench.processes import turns
from mnistlib.bench.profiling import KINDS, REST, summed
from mnistlib.bench.reference import Net
from mnistlib.bench.targets import measured
from mnistlib.bench.variants import NETWORKS
from mnistlib.model import LeNet5

TINY = Settings(batches=2, repetitions=2, warm_up=1, threads=1)
NAMES = ["reference", "pictures", "ours", "floor", "step_ours", "two_runs", "read_tar", "whole_run"]


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """A small bench: its file, and what it left in the folder for temporary files."""
    folder = tmp_path_factory.mktemp("bench")
    before, tempfile.tempdir = tempfile.tempdir, str(folder / "temporary")
    Path(tempfile.tempdir).mkdir()
    try:
        bench(tiny, TINY, NAMES, folder / "bench.json")
        left = list(Path(tempfile.tempdir).iterdir())
    finally:
        tempfile.tempdir = before
    return folder / "bench.json", left


def test_nothing_is_left_behind(made):
    assert made[1] == []


def test_the_record_names_the_machine_and_holds_every_repetition(made):
    record = json.loads(made[0].read_text())
    assert [row["name"] for row in record["rows"]] == [n for n in CONTESTANTS if n in NAMES]
    counts = {row["name"]: len(row["repetitions"]) for row in record["rows"]}
    assert counts == {name: 1 if name == "whole_run" else 2 for name in NAMES}
    times = [one["seconds"] for row in record["rows"] for one in row["repetitions"]]
    assert min(times) > 0
    assert np.isfinite(times).all()
    assert {"cpu", "cores", "threads", "memory"} <= record["machine"].keys()
    assert {"python", "torch", "torchvision"} <= record["versions"].keys()


def test_ratios_are_those_of_the_medians(made):
    frame = results(made[0]).set_index("name")
    expected = frame.seconds["reference"] / frame.seconds["ours"]
    assert frame.ratio["ours"] == pytest.approx(expected)
    assert np.isnan(frame.ratio["floor"])
    assert ((frame.low <= frame.seconds) & (frame.seconds <= frame.high)).all()


def test_the_record_holds_the_ratios_and_the_targets_that_it_can_judge(made):
    record, frame = json.loads(made[0].read_text()), results(made[0]).set_index("name")
    assert record["ratios"] == pytest.approx(frame.ratio.dropna().to_dict())
    found = {target["title"]: target["value"] for target in record["targets"]}
    assert found == pytest.approx(
        {
            "an epoch, torchvision ÷ ours": frame.ratio["ours"],
            "peak memory of a run": frame.memory["whole_run"] / 1e9,
        }
    )


@pytest.mark.parametrize(("seconds", "met"), [(10.0, True), (10.1, False)])
def test_a_target_is_met_at_its_bound(seconds, met):
    (target,) = measured({"reference": {"seconds": 40.0}, "ours": {"seconds": seconds}})
    assert (target["value"], target["met"]) == (40 / seconds, met)


def test_times_are_scaled_to_the_images_they_are_for(made):
    frame = results(made[0]).set_index("name")
    row = json.loads(made[0].read_text())["rows"][0]
    seconds = [one["seconds"] / (2 * 64) * 60_000 for one in row["repetitions"]]
    assert frame.seconds["reference"] == pytest.approx(np.median(seconds))


def test_two_runs_side_by_side_count_both(made):
    rows = {row["name"]: row for row in json.loads(made[0].read_text())["rows"]}
    assert rows["two_runs"]["repetitions"][0]["images"] == 2 * 2 * 64


def test_the_floor_counts_forward_and_backward_without_the_images_gradient():
    forward = 117_600 + 240_000 + 48_000 + 10_080 + 840
    assert step_macs() == 3 * forward - 117_600


def test_contestants_take_turns_and_every_other_time_backwards():
    assert "".join(name[0] for name in turns(["reference", "ours"], 3)) == "roorro"
    assert list(turns(["whole_run"], 3)) == ["whole_run"]


def test_the_figure_shows_what_it_was_given(made):
    frame = results(made[0])
    shown = frame[frame["group"] == "training"]
    fig, ax = plt.subplots()
    plots.speed(shown, ax, frame.attrs["floor"])
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(list(shown["seconds"]))
    assert [label.get_text() for label in ax.get_yticklabels()] == list(shown["title"])
    assert ax.lines[0].get_xdata()[0] == frame.attrs["floor"]
    plt.close(fig)


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    call = [sys.executable, "-m", "mnistlib", "bench", "--only", "ours", "--repetitions", "1000"]
    process = subprocess.Popen(
        [*call, "--out", str(tmp_path / "bench.json")],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(tmp_path.glob("mnistlib-bench-*/MNIST/raw/*")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1].endswith("stopped; files that were finished stay\n")
    assert (process.returncode, list(tmp_path.iterdir())) == (130, [])


def test_the_record_says_where_the_time_of_a_step_goes(made):
    shares = results(made[0]).attrs["profile"]
    assert list(shares) == [*KINDS, REST]
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["convolution"] > shares["optimizer"] > 0


def test_operations_are_summed_by_kind():
    times = [("aten::mkldnn_convolution", 3.0), ("aten::mm", 1.0), ("aten::addmm", 2.0), ("x", 2.0)]
    found = summed(times)
    assert (found["convolution"], found["fully connected layers"], found[REST]) == (
        3 / 8,
        3 / 8,
        2 / 8,
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_every_variant_of_the_step_computes_the_same_function(name):
    twin = LeNet5().to(memory_format=torch.channels_last)
    network = NETWORKS[name]().to(memory_format=torch.channels_last)
    network.load_state_dict(twin.state_dict())
    images = torch.randn(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    if isinstance(network, Net):  # which pads with zeros; the comparison is about the rest
        images = F.pad(images, (2,) * 4)
        network.conv1.padding = (0, 0)
    for x, y in zip(gradients(twin, images), gradients(network, images), strict=True):
        torch.testing.assert_close(x, y)


def gradients(network, images):
    logits = network(images)
    F.cross_entropy(logits, torch.arange(8)).backward()
    return [logits, *(p.grad for p in network.parameters())]


def test_a_folder_for_the_record_is_refused_before_anything_is_timed(tiny, tmp_path):
    with pytest.raises(UserError, match="a folder, expected the name of a file"):
        bench(tiny, TINY, ["help"], tmp_path)


def test_an_unknown_contestant_lists_the_valid_ones(capsys):
    assert main(["bench", "--only", "our"]) == 2
    assert "Did you mean 'ours'" in capsys.readouterr().err
    with pytest.raises(UserError, match="Valid: reference, "):
        choose(["x"])


@pytest.mark.parametrize("change", [{"batches": 0}, {"repetitions": -1}, {"threads": 0}])
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(UserError, match="is out of range"):
        Settings(**change)


@pytest.mark.parametrize("content", [None, "", "{}", '{"format": "another"}', "[1]"])
def test_what_is_no_record_is_named(content, tmp_path):
    path = tmp_path / "b.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=r"b\.json: .*make one with: python -m mnistlib bench"):
        results(path)
