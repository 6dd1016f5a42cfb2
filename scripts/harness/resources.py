"""What the machine has, found without importing PyTorch."""

from __future__ import annotations

import os
import platform
import sys
from collections import Counter
from pathlib import Path


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


def machine() -> str:
    """Name what computes here: the processor, its cores, and the GPUs that PyTorch sees."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    told = f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores"
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return told
    names = Counter(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    return ", ".join([told, *(f"{n} × {name}" for name, n in names.items())])
