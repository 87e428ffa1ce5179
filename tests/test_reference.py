"""Short runs of every kind, recorded once: what a run computes may not change by a bit.

They were made on an Intel processor with AVX-512, and came out the same with MKL told that it was
on an AMD one. Every x86-64 processor with AVX2 is to make them again.
"""

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mnistlib.config import ROWS, recipe
from mnistlib.dataset.sample import sample
from mnistlib.train import arithmetic, fit

RECORDS = json.loads(Path(__file__).with_name("reference.json").read_text())
CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
ADAMW = recipe("lenet5", optimizer="adamw", learning_rate=0.001, weight_decay=0.01)
SETTINGS = {"MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


def has_avx2() -> bool:
    flags = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and flags.exists() and " avx2 " in flags.read_text()


pytestmark = [
    pytest.mark.skipif(not has_avx2(), reason="needs an x86-64 processor with AVX2"),
    pytest.mark.skipif(
        any(os.environ.get(name) != value for name, value in SETTINGS.items()),
        reason="other arithmetic was asked for by MKL_CBWR, ONEDNN_MAX_CPU_ISA or ATEN_CPU_…",
    ),
]


def test_this_process_computes_as_every_processor_does():
    assert arithmetic() == "portable"


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['row']}, seed {r['seed']}")
def test_a_run_comes_back_bit_for_bit(record):
    row = replace({**ROWS, "adamw": ADAMW}[record["row"]], epochs=2)
    run = fit(row, sample(), record["seed"], device="cpu", progress=False)
    assert run.versions["arithmetic"] == "portable"
    assert run.key == record["key"]
    assert run.predictions == record["predictions"]
    assert {curve: run.history[curve] for curve in CURVES} == {c: record[c] for c in CURVES}


@pytest.mark.parametrize("setting", ["MKL_CBWR=AUTO", "ATEN_CPU_CAPABILITY=default"])
def test_other_arithmetic_is_told_apart_and_recorded_as_such(setting):
    code = "from mnistlib.train import arithmetic; print(arithmetic())"
    environment = {**os.environ, **dict([setting.split("=")])}
    call = [sys.executable, "-c", code]
    said = subprocess.run(call, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.startswith("native ")
