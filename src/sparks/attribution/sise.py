"""SISE: masks made of the feature maps of several layers, scored and fused block by block.

Sattarzadeh et al. 2021, "Explaining convolutional neural networks through attribution-based input
sampling and block-wise feature aggregation" (arXiv 2010.00672).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sparks.attribution.activations import scripted
from sparks.attribution.cam import find_layer, output_of
from sparks.attribution.cam_variants import MEMORY, unit_masks
from sparks.attribution.gradient import in_batches
from sparks.checks import between, one_of, whole
from sparks.engine.core import Engine
from sparks.engine.inference import (
    OUTPUTS,
    Logits,
    Model,
    device_of,
    evaluating,
    no_derivative,
    select_output,
)
from sparks.engine.maskers import Grid
from sparks.errors import SparksError
from sparks.models.anatomy import last_of_each_size
from sparks.models.device import to_device
from sparks.models.layout import channels_first, layout_of


@dataclass(frozen=True, kw_only=True)
class SISE:
    """Semantic input sampling for explanation (Sattarzadeh et al. 2021), in its four steps.

    1. Feature maps A_k are taken at the end of each block: by default the last layer of each
       resolution, before it is reduced.
    2. Those whose score falls with them are left out: kept are the k with
       mean ∂ score / ∂A_k > `least` · the largest of these means. Each kept map, upsampled
       bilinearly and scaled to [0, 1], is a mask m_k.
    3. The map of a block is Σ_k s_k m_k / Σ m_k, s_k the score of the image times m_k, scaled to
       [0, 1]. No mask left, or a constant map: 0 everywhere.
    4. From the first block to the last, fused ← (fused + map) · [map > Otsu's threshold of map],
       so that maps reach at most the number of blocks.

    The paper thresholds as here; its released code multiplies by a steep sigmoid around a threshold
    that it sometimes raises by half. Passes of an image: one more than there are masks.

    Attributes:
        layers: names of layers with feature maps (N, K, h, w), from the first to the last; None for
            the last one of each resolution.
        least: μ of step 2, in [0, 1).
        output: score, "probability" as in the paper, or "logit".
        batch_size: inputs per backward pass, the bound on memory.
        engine: how masked images are scored.

    Raises:
        SparksError: when a setting is out of its range; when called, for a model without
            feature maps, or without the layers that are named.

    Example:
        >>> maps = SISE(layers=("1",))(net, images, classes)
        >>> maps.shape, bool((maps >= 0).all())
        (torch.Size([2, 16, 16]), True)
    """

    layers: Sequence[str] | None = None
    least: float = 0.0
    output: str = "probability"
    batch_size: int = 64
    engine: Engine = field(default_factory=Engine)

    def __post_init__(self) -> None:
        if self.layers is not None and (isinstance(self.layers, str) or not self.layers):
            raise SparksError(
                f"SISE: layers={self.layers!r} is no list of names of layers, nor None for the "
                "last one of each resolution"
            )
        if self.least != 0:
            between(self, 0, 1, "least")
        one_of(self, OUTPUTS, "output")
        whole(self, 1, "batch_size")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W) that explain the classes `target` (N,) of images x (N, C, H, W)."""
        blocks = self._blocks(model, x)
        explain = partial(self._explain, model, blocks)
        return in_batches(model, x, target, self.batch_size, explain).float()

    def check(self, model: Model, x: Tensor) -> None:
        """Refuse a model that this method cannot explain, from one pass of inputs x (N, C, H, W).

        Raises:
            SparksError: when there is no layer with feature maps, or not the one that is named.
        """
        part = to_device(x[:1], device_of(model, x))
        with torch.no_grad(), evaluating(model):
            self._maps(model, self._blocks(model, x), part, part.new_zeros(1, dtype=torch.int64))

    def _blocks(self, model: Model, x: Tensor) -> dict[str, nn.Module]:
        """Return the layers, by name, from the first to the last."""
        if x.ndim != 4:
            raise SparksError(f"SISE explains images, not {tuple(x.shape)} inputs")
        names = self.layers
        if names is None and isinstance(model, nn.Module) and not scripted(model):
            names = last_of_each_size(model, x[:1])
        if not names:
            raise SparksError("SISE: the model has no layer with feature maps that can be watched")
        return {name: find_layer(model, name) for name in names}

    def _maps(
        self, model: Model, blocks: dict[str, nn.Module], x: Tensor, target: Tensor | None
    ) -> tuple[Tensor, list[tuple[Tensor, str]]]:
        """Return the logits, and the output of each block with its layout."""
        with ExitStack() as stack:
            watched = [stack.enter_context(output_of(module)) for module in blocks.values()]
            logits = Logits(model, target)(x)
        size, found = (x.shape[2], x.shape[3]), []
        for (name, module), outputs in zip(blocks.items(), watched, strict=True):
            maps = outputs[-1] if outputs else None
            if not isinstance(maps, Tensor) or maps.ndim not in (3, 4):
                raise SparksError(f"SISE: layer {name!r} gives no feature maps (N, K, h, w)")
            found.append((maps, layout_of(model, module, name, tuple(maps.shape[1:]), size)))
        return logits, found

    def _explain(
        self, model: Model, blocks: dict[str, nn.Module], x: Tensor, target: Tensor | None
    ) -> Tensor:
        logits, outputs = self._maps(model, blocks, x, target)
        tensors = [output for output, _ in outputs]
        grads = torch.autograd.grad(self._smooth(logits, target).sum(), tensors, allow_unused=True)
        size = (x.shape[2], x.shape[3])
        fused = x.new_zeros(len(x), *size)
        for name, (output, layout), grad in zip(blocks, outputs, grads, strict=True):
            if grad is None:
                raise no_derivative(f"layer {name!r}")
            maps = channels_first(output.detach(), layout, size)
            slopes = channels_first(grad, layout, size).mean((2, 3))
            kept = slopes > self.least * slopes.amax(1, keepdim=True).clamp(min=0)
            of_block = x.new_zeros(len(x), *size)
            for i in range(len(x)):
                goal = None if target is None else target[i : i + 1]
                chosen = maps[i : i + 1, kept[i]]
                if chosen.numel():
                    of_block[i] = self._of_block(model, x[i : i + 1].detach(), goal, chosen)
            fused = (
                of_block if name == next(iter(blocks)) else (fused + of_block) * _above(of_block)
            )
        return fused

    def _smooth(self, logits: Tensor, target: Tensor | None) -> Tensor:
        """Return scores (N,) by whose gradients feature maps are chosen.

        Of a probability its logarithm, whose gradient has the same signs and proportions and does
        not underflow.
        """
        if self.output == "probability" and logits.shape[1] > 1:
            logits = logits.log_softmax(1)
        return select_output(logits, target, "logit")

    def _of_block(self, model: Model, x: Tensor, target: Tensor | None, maps: Tensor) -> Tensor:
        """Return the map (H, W) of an image x (1, C, H, W) under masks of maps (1, K, h, w)."""
        size = (x.shape[2], x.shape[3])
        grid = Grid((maps.shape[2], maps.shape[3]), size, mode="bilinear")
        masks = unit_masks(maps, size)
        scores = self.engine.score(model, x, target, masks.flatten(2), grid, output=self.output)[
            0
        ].to(masks)
        at_once = max(1, MEMORY // (size[0] * size[1]))
        parts = torch.split(masks[0].flatten(1), at_once)
        areas = torch.cat([grid.expand(part).sum((1, 2, 3)) for part in parts])
        weights = torch.where(areas > 0, scores / torch.where(areas > 0, areas, 1), 0)
        total = grid.expand((weights @ masks[0].flatten(1))[None])[0, 0]
        width = total.max() - total.min()
        return torch.where(width > 0, (total - total.min()) / width, 0)


def _above(maps: Tensor) -> Tensor:
    """Return where each map (N, H, W) exceeds its Otsu threshold, as zeros and ones."""
    from skimage.filters import threshold_otsu  # here: a slow import

    arrays = maps.cpu().numpy()
    find: Any = threshold_otsu
    limits = [float(find(one) if one.max() > one.min() else one.max()) for one in arrays]
    return (maps > to_device(torch.tensor(limits), maps.device)[:, None, None]).to(maps)
