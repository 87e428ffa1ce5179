"""Notebooks executed by papermill, several at a time, each in a process and a kernel of its own."""

import json
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread

import joblib
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from mnistlib.base import ROOT, UserError, replacing

CHILD = "from mnistlib.report.running import child; child()"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # cores are for notebooks side by side
QUIET = {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "PYTHONWARNINGS": "ignore"}


class NotebookError(UserError):
    """A notebook that stopped; its message names the notebook, the cell and the error."""


@dataclass(frozen=True, eq=False)
class Job:
    """One notebook to execute.

    Attributes:
        label: for the lines of progress.
        source: the notebook.
        target: where it goes, executed; written in one step, at the end.
        folder: where its kernel works.
        parameters: what papermill puts in; None for as it is.
        waits: whether all jobs before it must have ended first.
    """

    label: str
    source: str
    target: str
    folder: str
    parameters: dict[str, object] | None = None
    waits: bool = False


def run(jobs: Sequence[Job], environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Execute notebooks, as many at a time as this process may use cores.

    When one fails, those that run come to their end, and no other begins. However this process
    ends, those that run end with it.

    Args:
        jobs: in the order in which they begin, unless one waits.
        environment: variables for the kernels, beside this process's own.
        say: gets each line of progress.

    Raises:
        NotebookError: a cell raised an error, or a kernel died.
    """
    waiting, failures = list(jobs), []
    running: dict[Job, tuple[Popen, float]] = {}
    variables = {**os.environ, **ONE_THREAD, **QUIET, **environment}
    try:
        while running or (waiting and not failures):
            for job in (
                [] if failures else [job for job in waiting if _ready(job, waiting, running)]
            ):
                if len(running) < joblib.cpu_count():
                    waiting.remove(job)
                    say(f"{job.label} …")
                    running[job] = _start(job, variables), time.monotonic()
            for job in [job for job, (process, _) in running.items() if process.poll() is not None]:
                process, began = running.pop(job)
                failures += [text for text in [process.stdout.read().decode().strip()] if text]
                ended = "failed" if process.returncode else "done"
                say(f"{job.label} {ended} in {_clock(time.monotonic() - began)}")
            time.sleep(0.05)
    finally:
        for process, _ in running.values():
            process.stdin.close()
        for process, _ in running.values():
            process.wait()
    if failures:
        raise NotebookError("; ".join(failures))


def _ready(job: Job, waiting: list[Job], running: Mapping) -> bool:
    return not job.waits or (not running and waiting[0] == job)


def _start(job: Job, variables: Mapping[str, str]) -> Popen:
    """The job's process: a session of its own, since Ctrl-C reaches it by the pipe to it."""
    command = [sys.executable, "-c", CHILD]
    process = Popen(command, stdin=PIPE, stdout=PIPE, env=variables, start_new_session=True)  # noqa: S603
    process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
    process.stdin.flush()
    return process


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"


def child() -> None:
    """The job that a line on standard input tells; ends when that is closed.

    What stopped the notebook is told in a line on standard output.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        job = Job(**json.loads(sys.stdin.readline()))
        Thread(target=_end_with_parent, daemon=True).start()
        execute(job)
    except UserError as error:
        print(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _end_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)


def execute(job: Job) -> None:
    """Execute one notebook here; where a cell fails, it is kept beside the target's name.

    Raises:
        NotebookError: as run.
    """
    target, source = Path(job.target), Path(job.source)
    stopped = target.with_suffix(".stopped.ipynb")
    stopped.unlink(missing_ok=True)
    with replacing(target) as temporary:
        try:
            papermill.execute_notebook(
                *(str(path).replace("{", "{{").replace("}", "}}") for path in (source, temporary)),
                job.parameters,
                kernel_name="python3",  # whatever name an editor left in the notebook
                language="python",
                cwd=job.folder,
                progress_bar=False,
                extra_arguments=["--log-level=ERROR"],  # of the kernel's own messages
            )
            _tidy(temporary, [job.folder, ROOT, os.environ.get("MNIST_DIR")])
        except (PapermillExecutionError, DeadKernelError) as error:
            temporary.replace(stopped)
            story = _story(source.name, stopped, error)
            raise NotebookError(f"{story} (the notebook up to there: {stopped})") from None


def _story(name: str, executed: Path, error: Exception) -> str:
    if isinstance(error, DeadKernelError):
        return f"{name}: its kernel died, most likely for want of memory"
    cells = nbformat.read(executed, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    own = [cell for cell in code if "injected-parameters" not in cell.metadata.get("tags", [])]
    number = 1 + [cell.execution_count for cell in own].index(error.exec_count)
    reason = " ".join(error.evalue.split()) or "no message"
    return f"{name} stopped in code cell {number} of {len(own)}: {error.ename}: {reason}"


def _tidy(path: Path, folders: Sequence[object]) -> None:
    """Take times and folders of this machine out of an executed notebook, in place."""
    notebook = nbformat.read(path, as_version=4)
    for part in (notebook, *notebook.cells):
        part.metadata.pop("papermill", None)
        part.metadata.pop("execution", None)
    notebook.metadata.pop("widgets", None)
    text = nbformat.writes(notebook)
    for folder in sorted({str(folder) for folder in folders if folder}, key=len, reverse=True):
        name = re.escape(json.dumps(folder, ensure_ascii=False)[1:-1])
        text = re.sub(rf"(?<![\w+/]){name}(/|(?!\w))", lambda m: "" if m[1] else ".", text)
    path.write_text(text + "\n", encoding="utf-8")
