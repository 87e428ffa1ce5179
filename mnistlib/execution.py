"""Notebooks executed side by side by papermill, in processes that end with this one."""

import os
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from hashlib import sha256
from multiprocessing import current_process
from pathlib import Path
from typing import NamedTuple

import nbformat
from joblib import cpu_count
from nbformat import NotebookNode
from papermill import execute_notebook
from papermill.exceptions import PapermillExecutionError

from mnistlib.processes import side_by_side

# as JupyterLab writes it: another one makes a notebook look changed when it is opened
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET = "application/vnd.jupyter.widget-view+json"


class Page(NamedTuple):
    """One page: a notebook, run with some parameters; one with `runs_dir` waits for all others."""

    notebook: str  # its name without the ending
    label: str = ""  # for links
    parameters: Mapping[str, object] = {}
    variant: str = ""  # of pages of one notebook, ends the names of all but the first

    @property
    def slug(self) -> str:
        """The name of the page's files."""
        return self.notebook + self.variant


def run(
    pages: Sequence[Page], notebooks: Path, out: Path, folder: Path, variables: Mapping[str, str]
) -> list[str]:
    """Execute notebooks in this order, as many at a time as this process may use cores.

    Kernels work in `folder`, with these environment variables. Returns a line for each notebook
    that stopped: its name, the cell and the error.
    """
    stories, work = [], partial(_execute, notebooks, out, folder, variables)
    try:
        for slug, seconds, story in side_by_side(work, pages, cpu_count()):
            print(story or f"{slug} done in {seconds:.0f} s", flush=True)
            stories.append(story)
    except BrokenProcessPool:
        stories.append("the process of a page was killed; if memory is short, close other programs")
    return [story for story in stories if story]


def _execute(
    notebooks: Path, out: Path, folder: Path, variables: Mapping[str, str], page: Page
) -> tuple[str, float, str]:
    """Execute a page's notebook; returns its slug, the seconds and why it stopped, or ""."""
    if current_process().name != "MainProcess":  # which it is where there is one core
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # kernels greet on standard error
    os.environ.update(variables)
    began, story = time.monotonic(), ""
    source, target = notebooks / f"{page.notebook}.ipynb", out / f"{page.slug}.ipynb"
    unfinished = target.with_suffix(".stopped.ipynb")
    path = re.sub(r"([{}])", r"\1\1", str(unfinished))  # papermill fills in what stands in braces
    how = {"kernel_name": "python3", "language": "python", "progress_bar": False, "cwd": folder}
    try:
        given = nbformat.read(source, as_version=4), path, page.parameters
        nbformat.write(cleaned(execute_notebook(*given, **how)), unfinished)
        unfinished.replace(target)
    except PapermillExecutionError as error:
        reason = f"in cell [{error.exec_count}]: {error.ename}: {' '.join(error.evalue.split())}"
        story = f"{source.name} stopped {reason} (up to there: {unfinished})"
    except (OSError, RuntimeError, ValueError) as error:  # such as a kernel that has died
        story = f"{source.name} stopped: {type(error).__name__}: {error}"
    return page.slug, time.monotonic() - began, story


def cleaned(notebook: NotebookNode) -> NotebookNode:
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


def source_hash(notebook: NotebookNode) -> str:
    """sha256 over the sources of all code cells: it differs where outputs may be out of date."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return sha256("\0".join(sources).encode()).hexdigest()
