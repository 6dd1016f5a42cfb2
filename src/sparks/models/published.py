"""Published weights of networks that are known by name, whichever library knows them."""

from __future__ import annotations

from pathlib import Path

from sparks.data.fetch import Published
from sparks.models.pretrained import torchvision_weights
from sparks.models.timm_nets import timm_weights


def published_weights(
    library: str, name: str, weights: bool | str, weights_dir: str | Path | None = None
) -> Published:
    """Return address, place and digest of the file of a network's published weights.

    Args:
        library: "torchvision" or "timm".
        name: of the network there.
        weights: True for the default ones, or their name.
        weights_dir: folder where the file is; PyTorch's own cache by default.

    Raises:
        SparksError: when the library knows no such weights.
    """
    if library == "timm":
        return timm_weights(name, weights_dir)
    return torchvision_weights(name, weights, weights_dir)
