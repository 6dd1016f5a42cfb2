"""Passes with fewer kernels to launch: a network compiled by `torch.compile`, or recorded.

A GPU of today computes a small batch faster than the host can launch its kernels, and spends much
of a large one on memory traffic between them. `compiled` lets PyTorch fuse the kernels of a network
for one size of batch. `recorded` launches the kernels as they are by one call (a CUDA graph).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from sparks.errors import SparksError
from sparks.models.device import autocast
from sparks.models.folded import calling, hooked

Passes = Callable[[Tensor], Tensor]

# Recording takes as long as some fifteen passes.
WORTH_RECORDING = 64


@contextmanager
def compiled(model: object, size: int) -> Iterator[None]:
    """Let a `Classifier` call a compiled version of its network within the block.

    Other models, and networks with hooks, are called as they are; so is any network for a batch of
    another size, for which it would have to be compiled again.

    Args:
        model: any model.
        size: inputs of a batch for which compiling is worth its ten to thirty seconds.

    Raises:
        SparksError: when PyTorch cannot compile or run the network here.
    """
    from sparks.models.classifier import Classifier

    if not isinstance(model, Classifier) or any(map(hooked, model.net.modules())):
        yield
        return
    net, name = model.net, type(model.net).__name__
    fast = torch.compile(net, dynamic=False)

    def passes(x: Tensor) -> Any:
        if len(x) != size:
            return net(x)
        try:
            return fast(x)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # also what all errors of torch.compile are
            reason = str(error).strip().partition("\n")[0]
            message = f"{name} cannot be compiled here ({reason}): use compiled=False"
            raise SparksError(message) from error

    with calling(net, passes):
        yield


def recorded(network: Passes, x: Tensor, precision: str) -> Passes:
    """Record the passes of a network forwards and back to its inputs, to be replayed on a GPU.

    The recording holds for inputs of the shape, type and device of `x`. Other inputs go through the
    network itself, and so do all where there is no GPU or the network cannot be recorded (which
    operations it computes depends on values). The network's parameters must stay where they are in
    memory, and outputs are overwritten by the next pass.

    Args:
        network: images (b, C, H, W) to a tensor (b, ...).
        x: inputs like those to come.
        precision: of the passes, one of `sparks.models.device.PRECISIONS`.

    Returns:
        The same function, replayed where that is possible.
    """
    if x.device.type != "cuda":
        return network
    like = x.detach().clone().requires_grad_()
    try:
        # Casts of weights are recorded with the rest: a cached one would be freed.
        with warnings.catch_warnings(), autocast(precision, x.device, cached=False):
            # Of gradients of weights, which are not asked for.
            warnings.filterwarnings("ignore", "The AccumulateGrad node's stream")
            # A function, not the module: no gradient of weights is computed.
            replay: Any = torch.cuda.make_graphed_callables(lambda part: network(part), (like,))
    except RuntimeError:
        return network

    def passes(part: Tensor) -> Any:
        alike = part.shape == like.shape and part.dtype == like.dtype and part.requires_grad
        return (replay if alike and part.device == like.device else network)(part)

    return passes
