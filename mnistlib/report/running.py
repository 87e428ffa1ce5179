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

CHILD = [sys.executable, "-W", "ignore", "-c", "from mnistlib.report.running import child; child()"]
KERNELS = {"OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


class NotebookError(UserError):
    """A notebook that stopped; its message names the notebook, the cell and the error."""


@dataclass(frozen=True, eq=False)
class Job:
    """One notebook to execute: `source`, written whole and executed to `target` at the end.

    Attributes:
        label: for the lines of progress.
        folder: where its kernel works.
        parameters: what papermill puts in; None for the notebook as it is.
        waits: whether all jobs before it must have ended first.
    """

    label: str
    source: str
    target: str
    folder: str
    parameters: dict[str, object] | None = None
    waits: bool = False


def run(jobs: Sequence[Job], environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Execute notebooks in the order given, as many at a time as this process may use cores.

    When one fails, those that run come to their end, and no other begins. However this process
    ends, those that run end with it. `environment` is for the kernels, beside our own.

    Raises:
        NotebookError: a cell raised an error, or a kernel died.
    """
    waiting, failures, running = list(jobs), [], {}
    try:
        while running or (waiting and not failures):
            free = not failures and len(running) < joblib.cpu_count()
            if waiting and free and not (running and waiting[0].waits):
                job = waiting.pop(0)
                say(f"{job.label} …")
                running[job] = _start(job, {**os.environ, **KERNELS, **environment})
            for job in [job for job, process in running.items() if process.poll() is not None]:
                told = running.pop(job).communicate()[0].decode().strip().rpartition("\n")[2]
                failed = not told.startswith("done")
                failures += [told or f"{job.label}: its process died"] * failed
                say(f"{job.label} {'failed' if failed else told}")
            time.sleep(0.05)
    finally:
        for process in running.values():
            process.stdin.close()
        for process in running.values():
            process.wait()
            process.stdout.close()
    if failures:
        raise NotebookError("; ".join(failures))


def _start(job: Job, variables: Mapping[str, str]) -> Popen:
    """The job's process: in a session of its own, since what ends it is the end of the pipe."""
    process = Popen(CHILD, stdin=PIPE, stdout=PIPE, env=variables, start_new_session=True)  # noqa: S603
    process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
    process.stdin.flush()
    return process


def child() -> None:
    """Execute the job that a line on standard input tells, and tell in a line what came of it.

    When standard input is closed, this ends, and its kernel with it.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    began = time.monotonic()
    try:
        job = Job(**json.loads(sys.stdin.readline()))
        Thread(target=_end_with_parent, daemon=True).start()
        execute(job)
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        print(f"done in {minutes}:{seconds:02d} min" if minutes else f"done in {seconds} s")
    except UserError as error:
        print(error)
    except KeyboardInterrupt:
        sys.exit(130)


def _end_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)


def execute(job: Job) -> None:
    """Execute one notebook here; one that fails is kept beside the target.

    Raises:
        NotebookError: as run.
    """
    source, target = Path(job.source), Path(job.target)
    stopped = target.with_suffix(".stopped.ipynb")
    stopped.unlink(missing_ok=True)
    with replacing(target) as temporary:
        try:
            papermill.execute_notebook(
                *(re.sub(r"([{}])", r"\1\1", str(path)) for path in (source, temporary)),
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
        for name in ("papermill", "execution", "widgets"):
            part.metadata.pop(name, None)
    text = nbformat.writes(notebook)
    for folder in sorted({str(folder) for folder in folders if folder}, key=len, reverse=True):
        name = re.escape(json.dumps(folder, ensure_ascii=False)[1:-1])
        text = re.sub(rf"(?<![\w+/]){name}(/|(?!\w))", lambda m: "" if m[1] else ".", text)
    path.write_text(text + "\n", encoding="utf-8")
