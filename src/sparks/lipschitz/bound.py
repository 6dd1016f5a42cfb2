"""The Lipschitz constant, measured: from above by operator norms, from below by search."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from sparks.errors import SparksError
from sparks.lipschitz.export import plain

# Layers that never stretch a distance.
_CONTRACTIONS = frozenset(["ReLU", "GroupSort2", "Flatten", "PixelUnshuffle", "Identity"])

# Below this number of entries a layer's matrix is written down and decomposed.
DENSE = 2**21
# Above it Lanczos iterations take hours: singular values of 1-Lipschitz layers lie close together.
LARGE = 2**28


def layer_norms(model: nn.Module, shape: tuple[int, ...]) -> dict[str, float]:
    """Return the exact operator norm of every linear layer of a chain of layers.

    Computed in float64 on the layer's own input size, borders included; batch normalisation in
    evaluation mode is linear too. Their product bounds the Lipschitz constant from above. Of a
    convolution with stride 1 whose matrix has more than `LARGE` entries it is the norm without
    borders instead (Sedghi et al. 2019), which is never smaller.

    Args:
        model: layers that are applied one after the other; a `Classifier` counts with its std.
        shape: of one input, such as (C, H, W).

    Returns:
        Name of the layer → norm, from input to output; "input" is the normalisation of a
        `Classifier`.

    Raises:
        SparksError: when a layer is none of those known.

    Example:
        >>> {name: round(norm, 4) for name, norm in layer_norms(net, (2,)).items()}
        {'body': 2.0, 'head': 1.0}
    """
    copied = plain(model).double()
    norms: dict[str, float] = {}
    std = getattr(copied, "std", None)
    if isinstance(std, Tensor):
        norms["input"] = float(1 / std.min())
    names = {module: name for name, module in copied.named_modules()}
    called: list[tuple[nn.Module, torch.Size]] = []
    hooks = [
        module.register_forward_pre_hook(lambda m, args: called.append((m, args[0].shape[1:])))
        for module in copied.modules()
        if not list(module.children())
    ]
    device = next(copied.parameters()).device
    with torch.no_grad():
        copied(torch.zeros(1, *shape, dtype=torch.float64, device=device))
    for hook in hooks:
        hook.remove()
    for module, size in called:
        if type(module).__name__ not in _CONTRACTIONS:
            norms[names[module]] = _norm(module, size)
    return norms


def body_bound(model: nn.Module, shape: tuple[int, ...]) -> float:
    """Return the product of the norms of all layers but the last linear one.

    It bounds the Lipschitz constant of the features that the last layer reads.

    Args:
        model: see `layer_norms`.
        shape: of one input, such as (C, H, W).

    Raises:
        SparksError: when a layer is none of those known.

    Example:
        >>> round(body_bound(net, (2,)), 4)
        2.0
    """
    norms = layer_norms(model, shape)
    return math.prod(list(norms.values())[:-1])


def _norm(module: nn.Module, shape: torch.Size) -> float:
    if isinstance(module, nn.BatchNorm2d):
        assert module.running_var is not None
        gain = module.weight.detach() / (module.running_var + module.eps).sqrt()
        return float(gain.abs().max())
    if isinstance(module, nn.Linear):
        return float(torch.linalg.matrix_norm(module.weight.detach(), 2))
    if not isinstance(module, nn.Conv2d):
        raise SparksError(
            f"the operator norm of a {type(module).__name__} is not known: the bound is for chains "
            "of convolutions, dense layers, batch normalisations and sorting or ReLU"
        )
    return _map_norm(module, shape)


def _map_norm(module: nn.Conv2d, shape: torch.Size) -> float:
    """Return the largest singular value of a convolution, without bias, on inputs of `shape`."""
    if _is_patchwise(module):
        return float(torch.linalg.matrix_norm(module.weight.detach().flatten(1), 2))

    def apply(x: Tensor) -> Tensor:
        convolved: Tensor = module._conv_forward(x, module.weight, None)
        return convolved

    zero = torch.zeros(1, *shape, dtype=torch.float64, device=module.weight.device)
    inputs, outputs = zero.numel(), apply(zero).numel()
    with torch.no_grad():
        if inputs * outputs <= DENSE:
            basis = torch.eye(inputs, dtype=torch.float64, device=zero.device)
            matrix = apply(basis.view(inputs, *shape)).flatten(1)
            return float(torch.linalg.matrix_norm(matrix, 2))
        zeros = set(module.stride) == {1} and module.padding_mode == "zeros"
        if inputs * outputs > LARGE and zeros:
            return _norm_without_borders(module, shape)
    from scipy.sparse.linalg import ArpackError, LinearOperator, svds

    def forward(v: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            x = torch.from_numpy(np.ascontiguousarray(v).reshape(1, *shape)).to(zero)
            return apply(x).flatten().cpu().numpy()

    def backward(v: np.ndarray) -> np.ndarray:
        x = zero.clone().requires_grad_()
        y = apply(x)
        (g,) = torch.autograd.grad(y, x, torch.from_numpy(v.reshape(y.shape).copy()).to(zero))
        return g.flatten().cpu().numpy()

    operator = LinearOperator((outputs, inputs), matvec=forward, rmatvec=backward, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(min(inputs, outputs))
    wanted = {"k": 1, "v0": start, "return_singular_vectors": False}
    try:
        (value,) = svds(operator, tol=1e-10, **wanted)
    except ArpackError:  # it has nothing to iterate on where all singular values are the same
        (value,) = svds(operator, tol=1e-7, solver="lobpcg", **wanted)
    return float(value)


def _norm_without_borders(module: nn.Conv2d, shape: torch.Size) -> float:
    """Return the norm of a convolution with stride 1 on a torus that its input does not fill.

    The image, with zeros beside it as wide as the kernel, is one of the torus's; so no border makes
    the norm larger. On the torus a convolution is a matrix (outputs, inputs) for each frequency.
    """
    reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    weight = module.weight.detach()
    spread = weight.new_zeros(*weight.shape[:2], *(r + 1 for r in reach))
    spread[:, :, :: module.dilation[0], :: module.dilation[1]] = weight
    torus = [side + r for side, r in zip(shape[1:], reach, strict=True)]
    norms = []
    for group in spread.chunk(module.groups):
        frequencies = torch.fft.rfft2(group, s=torus).flatten(2).permute(2, 0, 1)
        norms.append(float(torch.linalg.matrix_norm(frequencies, 2).max()))
    return max(norms)


def _is_patchwise(module: nn.Conv2d) -> bool:
    """Return whether each input is read by one window at most: the kernel is then the matrix."""
    apart = all(s >= k for s, k in zip(module.stride, module.kernel_size, strict=True))
    plain = module.groups == 1 and set(module.dilation) == {1} and set(module.padding) == {0}
    return apart and plain


def gradient_norms(model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """Return the norm of the gradient of one logit by the input, ‖∂f_target / ∂x‖₂, of each input.

    No Lipschitz constant of this logit is smaller.

    Args:
        model: inputs (N, ...) → logits (N, classes), in evaluation mode.
        x: inputs (N, ...).
        target: class of each, int64 (N,).

    Returns:
        (N,), of the type of x.

    Example:
        >>> gradient_norms(net, x, torch.tensor([0]))
        tensor([2.])
    """
    norms: Tensor = _gradient(model, x, target).flatten(1).norm(dim=1)
    return norms


def _gradient(model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    chosen = model(x).gather(1, target[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, x)
    return gradient


def largest_gradient(
    model: nn.Module, x: Tensor, target: Tensor, rounds: int = 30, seed: int = 0
) -> Tensor:
    """Return the largest gradient norm near each input, by random steps accepted if they climb.

    The networks here are linear in pieces, so the norm has no slope to follow. Steps shrink and
    grow in turn from 1/1000 to 1 (standard deviation per pixel, images in [0, 1]).

    Args:
        model: inputs (N, ...) → logits (N, classes), in evaluation mode.
        x: where to start, (N, ...).
        target: class whose logit is taken, of each input, int64 (N,).
        rounds: number of steps tried at each input.
        seed: of the steps.

    Returns:
        (N,), at least the norm at x.

    Example:
        A linear network has the same gradient everywhere.

        >>> largest_gradient(net, x, torch.tensor([0]))
        tensor([2.])
    """
    generator = torch.Generator().manual_seed(seed)
    best, here = gradient_norms(model, x, target), x.clone()
    for turn in range(rounds):
        size = 10.0 ** (-3 * ((turn % 7) / 6))
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
        tried = here + size * noise
        norms = gradient_norms(model, tried, target)
        better = norms > best
        here = torch.where(better.view(-1, *[1] * (x.ndim - 1)), tried, here)
        best = torch.where(better, norms, best)
    return best.detach()
