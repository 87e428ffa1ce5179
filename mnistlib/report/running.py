"""Notebooks executed by papermill, several at a time, each in a process and a kernel of its own."""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from subprocess import run as run_process
from typing import NamedTuple

import joblib
import nbformat

# papermill, until standard input ends; a kernel ends by itself when its papermill has gone
PAPERMILL = """import os, sys, threading
from papermill.__main__ import papermill
threading.Thread(target=lambda: os._exit(len(sys.stdin.read()) + 1), daemon=True).start()
papermill(["-k", "python3", "-l", "python", "--no-progress-bar", *sys.argv[1:]])"""
# as JupyterLab writes it: another one makes a notebook look changed when it is opened
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET = "application/vnd.jupyter.widget-view+json"


class Job(NamedTuple):
    """One notebook to execute: `source`, to `target`, which is whole when it is there."""

    label: str  # for the lines of progress
    source: Path
    target: Path
    folder: Path  # where its kernel works
    parameters: dict[str, object] | None = None  # what papermill puts in


def run(
    jobs: Sequence[Job], environment: Mapping[str, str], say: Callable[[str], None]
) -> list[str]:
    """Execute notebooks in this order, as many at a time as this process may use cores.

    However this process ends, those that run end with it. `environment` is for the kernels.

    Returns:
        A line for each notebook that stopped: its name, the cell and the error.
    """
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    watched, ours = os.pipe()  # nothing is ever written: its end is what all processes wait for

    def work(job: Job) -> str:
        say(f"{job.label} …")
        began = time.monotonic()
        story = execute(job, variables, watched)
        say(f"{job.label} {story or f'done in {time.monotonic() - began:.0f} s'}")
        return story

    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        try:
            return [story for story in pool.map(work, jobs) if story]
        finally:
            os.close(ours)
            os.close(watched)


def execute(job: Job, variables: Mapping[str, str], watched: int) -> str:
    """Execute one notebook; returns "", or for one that stopped why, and keeps it by the target."""
    unfinished = job.target.with_suffix(".stopped.ipynb")
    # papermill replaces what stands in braces
    paths = [re.sub(r"([{}])", r"\1\1", str(path)) for path in (job.source, unfinished)]
    given = [*paths, "-y", json.dumps(job.parameters or {})]
    command = [sys.executable, "-W", "ignore", "-c", PAPERMILL, *given]
    options = {"cwd": job.folder, "env": variables, "stdin": watched}
    ended = run_process(command, **options, check=False, capture_output=True, text=True)  # noqa: S603
    if ended.returncode:
        last = ended.stderr.strip().rpartition("\n")[2]
        return f"{job.source.name} {_story(unfinished) or last} (up to there: {unfinished})"
    nbformat.write(cleaned(nbformat.read(unfinished, as_version=4)), unfinished)
    unfinished.replace(job.target)
    return ""


def _story(executed: Path) -> str:
    """Which cell of a notebook raised what, in one line; "" where none did."""
    cells = nbformat.read(executed, as_version=4).cells if executed.exists() else []
    code = [cell for cell in cells if cell.cell_type == "code"]
    own = [cell for cell in code if "injected-parameters" not in cell.metadata.get("tags", [])]
    for number, cell in enumerate(own, 1):
        for output in cell.outputs:
            if output.output_type == "error":
                reason = " ".join(output.evalue.split()) or "no message"
                return f"stopped in code cell {number} of {len(own)}: {output.ename}: {reason}"
    return ""


def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what differs from run to run, and note which sources were executed."""
    ours = {**notebook.metadata.get("mnistlib", {}), "sources": source_hash(notebook)}
    language = notebook.metadata.get("language_info", {})
    kept = {"kernelspec": KERNEL, "language_info": language, "mnistlib": ours}
    notebook.metadata = nbformat.from_dict(kept)
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if WIDGET not in out.get("data", {})]
    return notebook


def source_hash(notebook: nbformat.NotebookNode) -> str:
    """sha256 over the sources of all code cells: it differs where outputs may be out of date."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return sha256("\0".join(sources).encode()).hexdigest()
