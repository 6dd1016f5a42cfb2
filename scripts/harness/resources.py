"""What the machine has, found without importing PyTorch."""

from __future__ import annotations

from pathlib import Path


def gpus(device: str) -> int:
    """Return the GPUs of a job that can use one: 1 with device=cuda, or auto where there is one."""
    if device == "auto":
        return int(Path("/dev/nvidia0").exists())
    return int(device.startswith("cuda"))
