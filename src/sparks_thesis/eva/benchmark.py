"""EVA beside other methods: maps, their scores, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from sparks.attribution.black_box import BlackBox
from sparks.attribution.eva import EVA, SAMPLED
from sparks.models.folded import folded
from sparks.protocols import AttributionMethod, Explanation, Metric, Perturbation
from sparks_thesis.eva.measure import BOUNDS

# Images explained at a time; float sums may depend on it, so it is fixed.
SLICE = 16


class Scored(NamedTuple):
    """Result of one method.

    Attributes:
        maps: (N, H, W).
        scores: metric → (N,).
        seconds: wall time of one explanation.
        flops: floating-point operations of one, in products of matrices and convolutions: the
            same in every run, unlike seconds.
    """

    maps: Tensor
    scores: dict[str, Tensor]
    seconds: float
    flops: float


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Count floating-point operations: PyTorch's counter hooks modules, some methods forbid it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._overloadpacket not in flop_registry:
            with self:  # in inference mode a convolution arrives whole
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        result = func(*args, **kwargs)
        if count := flop_registry.get(func._overloadpacket):
            self.total += count(*args, **kwargs, out_val=result)
        return result


def scored(
    method: AttributionMethod,
    model: nn.Module,
    x: Tensor,
    target: Tensor,
    metrics: Sequence[Metric],
) -> Scored:
    """Explain images by a method, and score its maps."""
    with folded(model, x):
        pass  # its copy is made and tried once a network, which is no cost of the first method
    with _Operations() as counter:
        method(model, x[:1], target[:1])  # also does the imports and searches of a first call
    slices = zip(torch.split(x, SLICE), torch.split(target, SLICE), strict=True)
    start = perf_counter()
    maps = torch.cat([method(model, *some).float().cpu() for some in slices])
    seconds = (perf_counter() - start) / len(x)
    scores: dict[str, Tensor] = {}
    for metric in metrics:
        scores |= metric(Explanation(model, x, target, maps))
    return Scored(maps, scores, seconds, float(counter.total))


def removed_by(
    removal: Perturbation,
    method: AttributionMethod,
    maps: Tensor,
    metrics: Sequence[Metric],
    model: nn.Module,
    x: Tensor,
    target: Tensor,
) -> dict[str, Tensor]:
    """Score a method where pixels are removed in another way: by the metrics, and by black boxes.

    Args:
        removal: the other way.
        method: a black box explains again, by this removal.
        maps: its maps (N, H, W), which stay those of any other method.
        metrics: with a field `perturbation`.
        model: in evaluation mode.
        x: images (N, C, H, W).
        target: classes (N,).

    Returns:
        metric → (N,).
    """
    if isinstance(method, BlackBox):
        maps = replace(method, perturbation=removal)(model, x, target).float().cpu()
    values: dict[str, Tensor] = {}
    for metric in metrics:
        other: Metric = replace(metric, perturbation=removal)  # type: ignore[type-var]
        values |= other(Explanation(model, x, target, maps))
    return values


def ablations(eva: EVA) -> dict[str, EVA]:
    """Return EVA on the ball without clipping, as in the paper, and EVA by samples alone."""
    return {
        "EVA (unclipped)": replace(eva, clip=False),
        "EVA (sampled)": replace(eva, layer=None, bound=SAMPLED),
    }


def by_bound(eva: EVA) -> list[tuple[str, EVA]]:
    """Return EVA by each bound of the paper's table 2, every set with forms of its own."""
    return [(name, replace(eva, bound=bound, shared=False)) for name, bound in BOUNDS.items()]
