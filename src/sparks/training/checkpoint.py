"""The state of a training run between two epochs, in one safetensors file, without pickle.

No random state is kept: order, augmentation and dropout of an epoch follow from (seed, epoch).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sparks.data.labelled import Labelled
from sparks.errors import SparksError
from sparks.io import load_tensors, save_tensors, tensor_provenance
from sparks.training.losses import Loss, State
from sparks.training.settings import Settings


def fingerprint(
    model: nn.Module,
    sets: tuple[Labelled | None, ...],
    settings: Settings,
    loss: Loss,
    seed: int | list[int],
    device: str,
) -> str:
    """Return a digest of all that determines a run, so that no run resumes another's checkpoint.

    Args:
        model: with its initial weights.
        sets: training and validation inputs.
        settings: of the run.
        loss: what is minimised.
        seed: of the run, or of each network that it trains.
        device: type of the device, as its arithmetic differs.
    """
    described = [asdict(settings), str(loss), seed, device, str(torch.__version__), str(model)]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name, tensor in model.state_dict().items():
        _add(digest, name, tensor)
    for data in sets:
        if data is None:
            digest.update(b"no set")
            continue
        for name, tensor in data.content().items():
            _add(digest, name, tensor)
        # Some of what the loss knows of the inputs: all of it may be files.
        beside = loss.beside(data, torch.arange(min(16, len(data))))
        if beside is not None:
            _add(digest, "beside", beside)
    return digest.hexdigest()


def _add(digest: Any, name: str, tensor: Tensor) -> None:
    digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
    flat = tensor.detach().cpu().contiguous().flatten()
    digest.update(flat.view(torch.uint8).numpy())


def save_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: Mapping[str, Tensor],
    memory: Mapping[str, Tensor],
    progress: Mapping[str, Any],
) -> None:
    """Write the state of a training to one safetensors file.

    Args:
        path: of the file.
        model: of which the weights are written.
        optimizer: of which the moments are written.
        best: the best weights so far.
        memory: state of the loss.
        progress: facts that JSON can hold, the fingerprint and the history among them.
    """
    tensors = {f"model/{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    tensors |= {f"best/{name}": tensor.clone() for name, tensor in best.items()}
    tensors |= {f"loss/{name}": tensor.clone() for name, tensor in memory.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{key}": moment for key, moment in moments.items()}
    save_tensors(path, tensors, progress)


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    memory: State,
    fingerprint: str,
) -> tuple[dict[str, Any], State] | None:
    """Restore model, optimiser and state of the loss (`memory`), all in place.

    Args:
        path: of the file.
        model: to be given its weights.
        optimizer: to be given its moments.
        memory: state of the loss.
        fingerprint: of the run; a checkpoint of another run is not used.

    Returns:
        `progress` and the best weights so far; None, with nothing changed, where there is no intact
        checkpoint of this very run.
    """
    try:
        progress = tensor_provenance(path)
        if progress.get("fingerprint") != fingerprint:
            return None
        tensors = load_tensors(path)
    except SparksError:  # missing or damaged: training starts over, and overwrites it
        return None
    model.load_state_dict(_below("model/", tensors))
    moments: dict[int, State] = {}
    for name, tensor in _below("optimizer/", tensors).items():
        index, key = name.split("/")
        moments.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    for name, tensor in _below("loss/", tensors).items():
        memory[name] = tensor.to(memory[name].device)
    return progress, _below("best/", tensors)


def _below(prefix: str, tensors: State) -> State:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
