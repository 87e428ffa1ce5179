"""Trained weights as safetensors: numbers only, nothing that could run."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from mnistlib import runs
from mnistlib.base import DataError, write_bytes


def save(model: nn.Module, run: runs.Run, path: str | Path) -> Path:
    """Write a network's weights with the key of the run that made them, whole or not at all."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    about = {"model": run.recipe.model, "seed": str(run.seed), "run": run.key}
    write_bytes(Path(path), to_bytes(tensors, metadata=about))
    return Path(path)


def load(model: nn.Module, path: str | Path) -> str:
    """Fill a network with the weights in a file; returns the key of the run that made them.

    Raises:
        DataError: the file is not safetensors, or its weights are not those of this network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            about = file.metadata() or {}
        model.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        kind = type(model).__name__
        raise DataError(f"{path}: no weights of {kind} ({reason}); train it again") from error
    return about.get("run", "")
