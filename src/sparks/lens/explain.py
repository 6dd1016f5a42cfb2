"""One image by the concepts of the class that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sparks.attribution.cam import GradCAM
from sparks.attribution.gradient import GradientInput, Saliency
from sparks.concepts.layer import Layer
from sparks.concepts.pictures import concept_maps
from sparks.lens.atlas import ClassAtlas
from sparks.lens.folder import Atlas
from sparks.lens.links import cosines
from sparks.models.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Found:
    """One concept found in an image.

    Attributes:
        number: of the concept, from 1, as on the page of its class.
        contribution: to the logit of the class: coefficient times derivative.
        share: of it in the positive contributions.
        seen: where, (H, W) in [0, 1].
        picture: uint8 (C + 1, q, q), with opacity, where it was drawn.
        crops: uint8 (m, C, s, s), the nearest of its training crops.
    """

    number: int
    contribution: float
    share: float
    seen: Tensor
    picture: Tensor | None
    crops: Tensor


@dataclass(frozen=True, eq=False)
class Explained:
    """What a model makes of one image.

    Attributes:
        predicted: the most probable classes with their probabilities.
        target: number of the first.
        logit: of it.
        heat: where it looks, (H, W) in [0, 1].
        concepts: what contributes most to the logit, that first; empty where the class is not in
            the atlas.
        nearest: uint8 (m, C, s, s), the crops of the class that are nearest to the image.
    """

    predicted: Sequence[tuple[str, float]]
    target: int
    logit: float
    heat: Tensor
    concepts: Sequence[Found] = ()
    nearest: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Explainer:
    """Explains images by an atlas.

    Attributes:
        model: in evaluation mode.
        layer: where the atlas has cut it.
        atlas: of the model.
        classes: names of the model's outputs.
        most: concepts and classes named.
        crops: shown of each concept.
    """

    model: Classifier
    layer: Layer
    atlas: Atlas
    classes: Sequence[str]
    most: int = 5
    crops: int = 5
    _read: dict[int, ClassAtlas] = field(default_factory=dict)

    def __call__(self, x: Tensor) -> Explained:
        """Explain one image (1, C, H, W) in [0, 1]."""
        logits = self.layer.logits(self.layer.activations(x))[0]
        best = logits.softmax(0).topk(min(self.most, len(logits)))
        named = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        target = int(best.indices[0])
        known = Explained(
            [(self.classes[c], p) for c, p in named], target, float(logits[target]),
            self._heat(x, best.indices[:1]),
        )  # fmt: skip
        if target not in self.atlas.names:
            return known
        concepts, nearest = self._concepts(x, target)
        return Explained(known.predicted, target, known.logit, known.heat, concepts, nearest)

    def _heat(self, x: Tensor, target: Tensor) -> Tensor:
        maps = len(self.layer.shape) == 3
        method = GradCAM(self.layer.name) if maps else Saliency()
        x, target = x.to(self.layer.device), target.to(self.layer.device)
        return _scaled(method(self.model, x, target)[0].detach().cpu())

    def _concepts(self, x: Tensor, target: int) -> tuple[list[Found], Tensor]:
        if target not in self._read:
            self._read[target] = self.atlas.load(target)
        tensors, concepts = self._read[target].tensors, self._read[target].concepts(self.layer)
        gave = GradientInput()(concepts.head, concepts.coefficients(x), torch.tensor([target]))[0]
        order = gave.argsort(descending=True, stable=True)[: self.most]
        order = order[gave[order] > 0]
        share = gave.clamp(min=0) / gave.clamp(min=0).sum().clamp(min=1e-12)
        near = cosines(tensors["crop_activations"].float().flatten(0, 1), self.layer.pooled(x))
        near = near[:, 0].reshape(tensors["crop_activations"].shape[:2])
        # Crops that only fill up rows are nobody's neighbours.
        places = torch.arange(near.shape[1])
        near = near.masked_fill(places >= tensors["crops_found"][:, None], -torch.inf)
        maps = concept_maps(concepts, x, order)[0].detach() if len(order) else x[:0, 0]
        found = [
            Found(
                number=int(c) + 1,
                contribution=float(gave[c]),
                share=float(share[c]),
                seen=_scaled(seen.cpu()),
                picture=tensors["pictures"][c] if "pictures" in tensors else None,
                crops=tensors["crops"][c][self._best(near[c])],
            )
            for c, seen in zip(order.tolist(), maps, strict=True)
        ]
        return found, tensors["crops"].flatten(0, 1)[self._best(near.flatten())]

    def _best(self, near: Tensor) -> Tensor:
        best = near.topk(min(self.crops, len(near)))
        return best.indices[best.values.isfinite()]


def _scaled(values: Tensor) -> Tensor:
    values = values.clamp(min=0)
    return values / values.amax().clamp(min=1e-12)
