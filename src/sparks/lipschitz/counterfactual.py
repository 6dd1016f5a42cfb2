"""Counterfactuals along the gradient: x' = x - t f(x) ∇f(x) / ‖∇f(x)‖²."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def counterfactuals(
    model: nn.Module,
    x: Tensor,
    steps: Sequence[float],
    kept: Tensor,
    rival: Tensor | None = None,
    newton: bool = True,
) -> tuple[Tensor, Tensor]:
    """Walk from the class `kept` towards `rival` along one gradient.

    f is the only logit of a network of two classes, or half the difference of two logits, which is
    1-Lipschitz where both are. The paper writes x - t f ∇f, with ‖∇f‖ = 1, as the minimiser of hKR
    has it: t = 1 ends on the boundary and t > 1 beyond. Where the norm is another one, that step is
    too short or far too long by its square; Newton's step, f ∇f / ‖∇f‖², equals the paper's where
    the norm is 1, and ends on the boundary of the linearised network for every network. The paper
    does not say which pair of classes it takes.

    Args:
        model: inputs (N, ...) → logits (N, classes), or (N, 1), in evaluation mode.
        x: inputs (N, ...).
        steps: T values of t: 0 is x itself, 1 the boundary, above 1 is beyond it.
        kept: class of each input, int64 (N,); 1 or 0 with one logit.
        rival: class to go to, int64 (N,); that of the second highest logit if not given.
        newton: take Newton's step; if False, take x - t f ∇f.

    Returns:
        x' (T, N, ...), and the classes gone to (N,).

    Example:
        From (3, 1) to the boundary, where both coordinates are equal, and as far beyond.

        >>> points, rival = counterfactuals(net, x, steps=[1.0, 2.0], kept=torch.tensor([0]))
        >>> points[:, 0]
        tensor([[2., 2.],
                [1., 3.]])
        >>> rival
        tensor([1])
    """
    x = x.detach().requires_grad_()
    logits = model(x)
    if logits.shape[1] == 1:
        rival = 1 - kept
        value = logits[:, 0]
    else:
        if rival is None:
            rival = logits.detach().scatter(1, kept[:, None], -torch.inf).argmax(1)
        value = (logits.gather(1, kept[:, None]) - logits.gather(1, rival[:, None]))[:, 0] / 2
    (gradient,) = torch.autograd.grad(value.sum(), x)
    length = value.detach()
    if newton:
        square = gradient.flatten(1).square().sum(1)
        length = length / square.where(square > 0, torch.inf)  # a flat function is not moved on
    step = length.view(-1, *[1] * (x.ndim - 1)) * gradient
    return torch.stack([x.detach() - t * step for t in steps]), rival


def one_step_error(model: nn.Module, x: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Measure how far from the boundary one step along the gradient of `target`'s logit ends.

    Returns:
        "GradientNorm", ‖∇f(x)‖, and "BoundaryError", |f(x - f(x) ∇f(x))| / |f(x)|, (N,) each;
        1 and 0 for the minimiser of hKR.
    """
    x = x.detach().requires_grad_()
    column = target[:, None]
    value = model(x).gather(1, column)[:, 0]
    (gradient,) = torch.autograd.grad(value.sum(), x)
    with torch.no_grad():
        there = model(x - value.view(-1, *[1] * (x.ndim - 1)) * gradient).gather(1, column)[:, 0]
    value = value.detach().abs()
    error = there.abs() / value.masked_fill(value == 0, torch.nan)  # on the boundary: no step
    return {"GradientNorm": gradient.flatten(1).norm(dim=1), "BoundaryError": error}
