"""Hardware of the machine, detected without importing PyTorch."""

from __future__ import annotations

import fcntl
import os
import platform
import sys
from collections import Counter
from pathlib import Path
from typing import TextIO

from sparks.errors import SparksError

# Open files, whose locks the system frees when this process ends, however it ends.
_held: list[TextIO] = []


def gpus(device: str, here: bool = True) -> int:
    """Return the GPUs of a job that can use one: 1 with device=cuda, or auto where there is one.

    Args:
        device: of the configuration.
        here: whether jobs run on this machine. A cluster's head node seldom has a GPU, so that
            `auto` asks for one there; `device=cpu` does not.
    """
    if device == "auto":
        return int(not here or Path("/dev/nvidia0").exists())
    return int(device.startswith("cuda"))


def take_gpu(folder: Path, device: str = "auto") -> None:
    """Let this process see one GPU alone, which no other job of the run has.

    Nothing is to be done where it sees one or none (on a cluster the scheduler has chosen), or
    where the configuration names one (cuda:1).

    Args:
        folder: of the locks, one file a GPU.
        device: of the configuration.

    Raises:
        SparksError: when every GPU has a job.
    """
    seen = visible_gpus()
    if len(seen) < 2 or ":" in device:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in seen:
        file = (folder / f"{name}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        _held.append(file)
        os.environ["CUDA_VISIBLE_DEVICES"] = name
        return
    raise SparksError(
        f"each of the {len(seen)} GPUs has a job: run with `--resources gpu={len(seen)}`, or less"
    )


def visible_gpus(devices: Path = Path("/dev")) -> list[str]:
    """List the GPUs that CUDA would see in this process, by the names it takes for them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip()]
    return sorted(node.name.removeprefix("nvidia") for node in devices.glob("nvidia[0-9]*"))


def machine() -> str:
    """Name what computes here: the processor, its cores, and the GPUs that PyTorch sees."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    description = f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores"
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return description
    names = Counter(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    return ", ".join([description, *(f"{n} × {name}" for name, n in names.items())])
