"""What the machine has, found without importing PyTorch."""

from __future__ import annotations

from pathlib import Path


def gpus(device: str) -> int:
    """How many GPUs a job that can use one asks for: 1 with device=cuda, or auto and one is here."""
    if device == "auto":
        return int(Path("/dev/nvidia0").exists())
    return int(device.startswith("cuda"))
