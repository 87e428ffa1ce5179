"""Where the project keeps its files, found from the package, never from the working directory."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
FIGURES = ROOT / "figures"  # in git: figures of the report and the README
RAW = ROOT / "data" / "raw"  # not in git: downloaded digits
CACHE = ROOT / "data" / "cache"  # not in git: decoded archives
RUNS = ROOT / "data" / "runs"  # in git: one JSON per training run behind the report
WEIGHTS = ROOT / "data" / "weights"  # in git: safetensors of the headline models
BENCH = ROOT / "data" / "bench.json"  # in git: the timings behind the report
OUT = ROOT / "out"  # not in git: everything a user's own run writes
