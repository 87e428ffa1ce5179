"""A run put aside at an epoch's end: one safetensors file, from which it goes on bit for bit."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from mnistlib import runs
from mnistlib.base import write_bytes
from mnistlib.course import Course

FORMAT = "1"


def save(path: Path, course: Course, history: Mapping[str, list], about: Mapping[str, str]) -> None:
    """Write the state of a run, whole or not at all.

    `about` says what must be equal for the run to go on: its key, and what its bits depend on.
    """
    tensors, values = course.state()
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"history": history, **values})
    write_bytes(path, to_bytes(stored, metadata={"format": FORMAT, **about, "state": text}))


def load(path: Path, course: Course, about: Mapping[str, str]) -> dict[str, list]:
    """Put a run back to where its checkpoint left it; returns the history up to there.

    Where there is no checkpoint the history is empty. One that is damaged, or was made by another
    run, on another device, with other threads or another torch, is named in a warning and not
    used: the run starts from its first epoch.
    """
    history = {curve: [] for curve in runs.CURVES}
    if not path.exists():
        return history
    try:
        with safe_open(path, framework="pt") as file:
            found = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name, value in {"format": FORMAT, **about}.items():
            if found.get(name) != value:
                raise ValueError(f"found {name} {found.get(name)!r}, expected {value!r}")
        state = json.loads(found["state"])
        course.restore(tensors, state)
        return state["history"]
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        warnings.warn(f"{path}: not used ({reason}); the run starts again", stacklevel=2)
        return history
