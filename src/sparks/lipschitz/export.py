"""1-Lipschitz networks as plain layers."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

Model = TypeVar("Model", bound=nn.Module)


def plain(model: Model) -> Model:
    """Return a copy in evaluation mode whose constrained layers are `nn.Conv2d` and `nn.Linear`.

    The outputs are the same; the copy needs no projection of its weights, and can be converted to
    float64. A network without constrained layers is just copied.

    Args:
        model: any network; it stays as it is.

    Example:
        >>> from deel.torchlip import SpectralLinear
        >>> constrained = nn.Sequential(SpectralLinear(2, 2)).eval()
        >>> copied = plain(constrained)
        >>> type(copied[0]).__name__
        'Linear'
        >>> torch.allclose(copied(x), constrained(x))
        True
    """
    from copy import deepcopy

    from deel.torchlip import vanilla_model

    modes = {module: module.training for module in model.modules()}
    try:
        copied: Model = vanilla_model(deepcopy(model).eval(), in_place=True)
    finally:
        for module, mode in modes.items():
            module.training = mode
    return copied.eval()
