"""Class activation maps with other weights than GradCAM's mean gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sparks.attribution.cam import GradCAM
from sparks.engine.core import Engine
from sparks.engine.inference import Logits, Model, select_output
from sparks.engine.maskers import Grid
from sparks.models.layout import channels_first

# Upsampled feature maps held at a time, in numbers: bounds memory only.
MEMORY = 2**24


@dataclass(frozen=True)
class XGradCAM(GradCAM):
    """GradCAM with w_k = Σ (A_k ∂ logit / ∂A_k) / Σ A_k over places (Fu et al. 2020).

    Weights of feature maps that sum to 0 are 0.

    Example:
        >>> XGradCAM(layer="1")(net, images, classes).shape
        torch.Size([2, 16, 16])
    """

    def _weights(self, activation: Tensor, grads: Tensor) -> Tensor:
        total = activation.sum((2, 3))
        weighted = (activation * grads).sum((2, 3))
        return torch.where(total != 0, weighted / torch.where(total != 0, total, 1), 0)


@dataclass(frozen=True)
class LayerCAM(GradCAM):
    """ReLU(Σ_k ReLU(∂ logit / ∂A_k) A_k), a weight for each place (Jiang et al. 2021).

    Example:
        >>> LayerCAM(layer="1")(net, images, classes).shape
        torch.Size([2, 16, 16])
    """

    def _combine(self, activation: Tensor, grads: Tensor) -> Tensor:
        return (grads.relu() * activation).sum(1)


@dataclass(frozen=True)
class ScoreCAM(GradCAM):
    """ReLU(Σ_k w_k A_k), w a softmax over scores of masked images (Wang et al. 2020).

    Map k, upsampled and scaled to [0, 1], multiplies the image, and its score is the logit of the
    product (less that of a black image, which the softmax does not see). No gradients; K passes an
    image, K the feature maps of the layer. A map that is constant masks the whole image.

    Attributes:
        engine: how masked images are scored.

    Example:
        >>> ScoreCAM(layer="1")(net, images, classes).shape
        torch.Size([2, 16, 16])
    """

    engine: Engine = field(default_factory=Engine)

    def _explain(self, model: Model, module: nn.Module, x: Tensor, target: Tensor | None) -> Tensor:
        with torch.no_grad():
            _, activation, layout = self._activation(model, module, x, target)
        size = (x.shape[2], x.shape[3])
        maps = channels_first(activation.detach(), layout, size)
        cells = (maps.shape[2], maps.shape[3])
        masks = torch.cat([unit_masks(one, size) for one in torch.split(maps, 1)]).flatten(2)
        masker = Grid(cells, size, mode="bilinear")
        scores = self.engine.score(model, x.detach(), target, masks, masker)
        cam = torch.einsum("nk,nkhw->nhw", scores.softmax(1).to(maps), maps).relu()
        return functional.interpolate(cam[:, None], x.shape[2:], mode="bilinear")[:, 0]


def unit_masks(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Scale maps (1, K, h, w) so that each, upsampled bilinearly to `size`, spans [0, 1]."""
    at_once = max(1, MEMORY // (size[0] * size[1]))
    scaled = []
    for some in torch.split(maps, at_once, 1):
        upsampled = functional.interpolate(some, size, mode="bilinear")
        low = upsampled.amin((2, 3), keepdim=True)
        width = upsampled.amax((2, 3), keepdim=True) - low
        # Upsampling is affine with weights that sum to 1, so that cells can be scaled instead.
        scaled.append(torch.where(width > 0, (some - low) / torch.where(width > 0, width, 1), 0))
    return torch.cat(scaled, 1)


@dataclass(frozen=True)
class AblationCAM(GradCAM):
    """ReLU(Σ_k w_k A_k), w_k the share of the logit lost without map k (Desai & Ramaswamy 2020).

    w_k = (y - y_k) / |y|, y_k the logit where map k is 0 (the paper has y, which it takes to be
    positive). No gradients; K + 1 passes an image, K the feature maps of the layer.

    Example:
        >>> AblationCAM(layer="1")(net, images, classes).shape
        torch.Size([2, 16, 16])
    """

    def _explain(self, model: Model, module: nn.Module, x: Tensor, target: Tensor | None) -> Tensor:
        cams = []
        with torch.no_grad():
            logits, activation, layout = self._activation(model, module, x, target)
            whole = select_output(logits, target, "logit")
            maps = channels_first(activation.detach(), layout, (x.shape[2], x.shape[3]))
            for i in range(len(x)):
                goal = None if target is None else target[i : i + 1]
                without = self._without(model, module, x[i : i + 1], goal, maps.shape[1], layout)
                weights = (whole[i] - without) / whole[i].abs()
                cams.append(torch.einsum("k,khw->hw", weights, maps[i]).relu())
        cam = torch.stack(cams)[:, None]
        return functional.interpolate(cam, x.shape[2:], mode="bilinear")[:, 0]

    def _without(
        self,
        model: Model,
        module: nn.Module,
        x: Tensor,
        target: Tensor | None,
        count: int,
        layout: str,
    ) -> Tensor:
        """Return the logits (count,) of one image (1, C, H, W) without each feature map."""
        found = []
        for removed in torch.split(torch.arange(count, device=x.device), self.batch_size):
            goals = None if target is None else target.expand(len(removed))
            with _zeroed(module, removed, layout):
                logits = Logits(model, goals)(x.expand(len(removed), -1, -1, -1))
            found.append(select_output(logits, goals, "logit"))
        return torch.cat(found)


@contextmanager
def _zeroed(module: nn.Module, removed: Tensor, layout: str) -> Iterator[None]:
    """Set feature map `removed[i]` of row i of a module's output to 0 within the block."""

    def zero(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        output = output.clone()
        rows = torch.arange(len(removed), device=removed.device)
        channels = output if layout == "NCHW" else output.movedim(-1, 1)
        channels[rows, removed] = 0
        return output

    handle = module.register_forward_hook(zero)
    try:
        yield
    finally:
        handle.remove()
