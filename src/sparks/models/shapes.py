"""A pass through a network that computes nothing but shapes."""

from __future__ import annotations

import torch
from torch import nn


def pass_shapes(net: nn.Module, shape: tuple[int, ...]) -> bool:
    """Call a network on images of a shape without computing values, so that hooks see the shapes.

    Args:
        net: the network, in the mode that is of interest; it is not changed.
        shape: of the images, (N, C, H, W).

    Returns:
        Whether it worked; it does not where a network's code branches on values, which do not
        exist.
    """
    state = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    empty = {name: tensor.to("meta") for name, tensor in state.items()}
    try:
        with torch.no_grad():
            torch.func.functional_call(net, empty, (torch.empty(shape, device="meta"),))
    except Exception:
        return False
    return True
