"""Weights on disk: safetensors of our own, and checkpoints of others read without pickle's code."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sparks.artifacts import load_tensors, save_tensors
from sparks.engine.seeds import global_generators
from sparks.errors import SparksError

FOREIGN = (".pt", ".pth", ".bin", ".ckpt")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Build a network in this block, and its initial weights depend on `seed` alone.

    The global random state is as before afterwards.
    """
    with global_generators(seed, torch.device("cpu")):
        yield


def save_weights(
    model: nn.Module, path: str | Path, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write parameters and buffers to one safetensors file."""
    # Copies: safetensors refuses weights that share memory (tied layers).
    save_tensors(path, {k: v.clone() for k, v in model.state_dict().items()}, provenance)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Read parameters and buffers into `model`, in place, all or none.

    Reads safetensors, and PyTorch checkpoints (.pt, .pth, .bin, .ckpt) with `weights_only=True`,
    where a wrapping {"state_dict": …} or {"model": …} and the prefix "module." are taken off.
    The checkpoint may be of the whole model or of its `net` alone.

    Raises:
        SparksError: when the file is missing, holds anything but tensors, or does not fit.
    """
    state = read_state(path)
    target = model
    net = getattr(model, "net", None)
    if isinstance(net, nn.Module) and not any(name.startswith("net.") for name in state):
        target = net
    check_fit(target, state, path)
    target.load_state_dict(state)


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Read name → tensor from a safetensors file or a PyTorch checkpoint.

    Raises:
        SparksError: when the file is missing, damaged, or holds anything but tensors.
    """
    path = Path(path)
    if path.suffix not in FOREIGN:
        return load_tensors(path)
    if not path.is_file():
        raise SparksError(f"the weights {path} do not exist: check the path")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise SparksError(
            f"{path} holds more than tensors (arbitrary pickled objects can run code) and was not "
            "opened: save the model's state_dict() instead of the model, best as safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise SparksError(
            f"{path} is not an intact PyTorch checkpoint ({line}): fetch it again"
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise SparksError(f"{path} holds no state_dict (name → tensor): save model.state_dict()")
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def check_fit(model: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Check that `state` has the names and shapes of `model`.

    Raises:
        SparksError: naming the first missing, unexpected or misshapen weights.
    """
    expected = model.state_dict()
    misshapen = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(expected[name].shape)}"
        for name in expected
        if name in state and state[name].shape != expected[name].shape
    ]
    problems = [
        f"{kind} {', '.join(found[:3])}{f' and {len(found) - 3} more' if len(found) > 3 else ''}"
        for kind, found in (
            ("missing", [name for name in expected if name not in state]),
            ("unexpected", [name for name in state if name not in expected]),
            ("of another shape", misshapen),
        )
        if found
    ]
    if problems:
        raise SparksError(
            f"the weights {source} do not fit the model: {'; '.join(problems)}. "
            "Use the model (and its settings) that they were trained with"
        )
