"""Notebooks executed in a kernel of their own, with failures told in one readable line."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from mnistlib.base import UserError, replacing

if TYPE_CHECKING:
    from papermill.exceptions import PapermillExecutionError

QUIET = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}


class NotebookError(UserError):
    """A notebook that stopped; its message names the notebook, the cell and the error."""


def execute(
    source: Path,
    target: Path,
    parameters: Mapping[str, object],
    environment: Mapping[str, str] | None = None,
) -> nbformat.NotebookNode:
    """Run a notebook with papermill and write it, executed, to `target`.

    The kernel works in the target's folder, so that relative paths among the parameters are
    relative to that. The target is written in one step, at the end; on failure it holds what was
    done so far.

    Raises:
        NotebookError: a cell raised an error, or the kernel died.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    failure = ""
    with replacing(target) as temporary:
        try:
            with _quiet(), _environment({**QUIET, **(environment or {})}):
                papermill.execute_notebook(
                    source,
                    temporary,
                    dict(parameters),
                    cwd=target.parent,
                    progress_bar=False,
                    extra_arguments=["--log-level=ERROR"],  # of the kernel's own messages
                )
            notebook = tidy(temporary)
        except PapermillExecutionError as error:
            failure = _story(source, temporary, error)
        except DeadKernelError:
            failure = f"{source.name}: its kernel died, most likely for want of memory"
    if failure:
        raise NotebookError(f"{failure} (the notebook up to there: {target})")
    return notebook


def _story(source: Path, executed: Path, error: "PapermillExecutionError") -> str:
    notebook = nbformat.read(executed, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    own = [cell for cell in cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    number = 1 + [cell.execution_count for cell in own].index(error.exec_count)
    reason = " ".join(error.evalue.split()) or "no message"
    return f"{source.name} stopped in code cell {number} of {len(own)}: {error.ename}: {reason}"


def tidy(path: Path) -> nbformat.NotebookNode:
    """Take papermill's times and paths out of an executed notebook, in place; return it."""
    notebook = nbformat.read(path, as_version=4)
    for part in (notebook, *notebook.cells):
        part.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    nbformat.write(notebook, path)
    return notebook


@contextmanager
def _quiet() -> Iterator[None]:
    """papermill repeats what we check ourselves; its libraries warn about each other."""
    logger = logging.getLogger("papermill")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Variables for the kernel, which inherits ours; ours are put back."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
