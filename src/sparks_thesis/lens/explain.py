"""One image by the concepts of the class that it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from sparks.attribution.gradient import GradientInput, Saliency
from sparks.concepts.bank import Concepts
from sparks.concepts.layer import Layer
from sparks.concepts.maps import class_maps, concept_maps, concept_maps_at
from sparks.models.classifier import Classifier
from sparks_thesis.lens.atlas import ClassAtlas
from sparks_thesis.lens.folder import Atlas
from sparks_thesis.lens.links import cosines
from sparks_thesis.lens.reference import Distance, Reference

# Classes of an atlas that are held in memory: tens of megabytes each, at most.
HELD = 8
# How maps are enlarged: bilinear ones show crosses around the places of a coarse layer.
SMOOTH = "bicubic"


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
        important: whether it is important for its class, as on that class's page.
    """

    number: int
    contribution: float
    share: float
    seen: Tensor
    picture: Tensor | None
    crops: Tensor
    important: bool = True


@dataclass(frozen=True, eq=False)
class Candidate:
    """A class that an image may show.

    Attributes:
        target: its number among the model's outputs.
        name: of the class.
        probability: that the model gives it.
        heat: where the model sees it, (H, W) in [0, 1].
    """

    target: int
    name: str
    probability: float
    heat: Tensor


@dataclass(frozen=True, eq=False)
class Explained:
    """Explanation of one image by a model's concepts.

    Attributes:
        candidates: the most probable classes, the first one first.
        distance: how far the image is from those that the atlas was made of, where that is known.
        explained: the class that the concepts are of; None where none of the candidates that are
            looked at is in the atlas.
        logit: of that class, or of the first candidate.
        concepts: what contributes most to that logit, that first.
        nearest: uint8 (m, C, s, s), the crops of the class that are nearest to the image.
    """

    candidates: Sequence[Candidate]
    distance: Distance | None
    explained: Candidate | None
    logit: float
    concepts: Sequence[Found] = ()
    nearest: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Explainer:
    """Explains images by an atlas.

    Attributes:
        model: in evaluation mode.
        layer: where the atlas has cut it.
        atlas: of the model, or of one with some of its classes; None where there is none.
        classes: names of the model's outputs.
        outputs: the model's output of each class of the atlas, where the model has more classes
            than the data that were surveyed; None for the same numbers.
        reference: of the atlas, to measure how far an image is from it.
        most: concepts and classes named.
        crops: shown of each concept.
        within: concepts are those of the most probable class that is in the atlas, among as many.
    """

    model: Classifier
    layer: Layer
    atlas: Atlas | None
    classes: Sequence[str]
    outputs: Sequence[int] | None = None
    reference: Reference | None = None
    most: int = 5
    crops: int = 5
    within: int = 1

    def __call__(self, x: Tensor) -> Explained:
        """Explain one image (1, C, H, W) in [0, 1]."""
        activations = self.layer.activations(x)
        logits = self.layer.logits(activations)[0]
        best = logits.softmax(0).topk(min(self.most, len(logits)))
        heats = self._heats(x, activations, best.indices)
        named = zip(best.indices.tolist(), best.values.tolist(), heats, strict=True)
        candidates = [Candidate(c, self.classes[c], p, heat) for c, p, heat in named]
        distance = None if self.reference is None else self.reference.distance(x)
        surveyed = [one for one in candidates[: self.within] if one.target in self._surveyed]
        if not surveyed:
            return Explained(candidates, distance, None, float(logits[candidates[0].target]))
        (first, *_) = surveyed
        concepts, nearest = self._concepts(x, activations, first.target)
        logit = float(logits[first.target])
        return Explained(candidates, distance, first, logit, concepts, nearest)

    @cached_property
    def _surveyed(self) -> dict[int, int]:
        """Output of the model → class of the atlas."""
        if self.atlas is None:
            return {}
        outputs = self.outputs
        return {c if outputs is None else outputs[c]: c for c in self.atlas.names}

    @cached_property
    def _load(self) -> Callable[[int], ClassAtlas]:
        assert self.atlas is not None
        return lru_cache(HELD)(self.atlas.load)

    def _heats(self, x: Tensor, activations: Tensor, targets: Tensor) -> Tensor:
        n = len(targets)
        if len(self.layer.shape) == 3:
            every = activations.expand(n, -1, -1)
            heats = class_maps(self.layer, every, targets, x.shape[2:], SMOOTH)
        else:
            device = self.layer.device
            heats = Saliency()(self.model, x.expand(n, -1, -1, -1).to(device), targets.to(device))
        return torch.stack([_scaled(heat.detach().cpu()) for heat in heats])

    def _concepts(self, x: Tensor, activations: Tensor, target: int) -> tuple[list[Found], Tensor]:
        one = self._load(self._surveyed[target])
        assert self.atlas is not None
        tensors, concepts = one.tensors, self.atlas.concepts(one, self.layer)
        u = concepts.dictionary.encode(activations).mT
        gave = GradientInput()(concepts.head, u, torch.tensor([target]))[0]
        order = gave.argsort(descending=True, stable=True)[: self.most]
        order = order[gave[order] > 0]
        share = gave.clamp(min=0) / gave.clamp(min=0).sum().clamp(min=1e-12)
        crops = tensors["crop_activations"]
        near = cosines(crops.float().flatten(0, 1), activations.mean(1))[:, 0]
        near = near.reshape(crops.shape[:2])
        # Crops that only fill up rows are nobody's neighbours.
        places = torch.arange(near.shape[1])
        near = near.masked_fill(places >= tensors["crops_found"][:, None], -torch.inf)
        found = [
            Found(
                number=int(c) + 1,
                contribution=float(gave[c]),
                share=float(share[c]),
                seen=_scaled(seen.cpu()),
                picture=tensors["pictures"][c] if "pictures" in tensors else None,
                crops=tensors["crops"][c][self._best(near[c])],
                important=bool(one.important[c]),
            )
            for c, seen in zip(
                order.tolist(), self._maps(concepts, x, activations, order), strict=True
            )
        ]
        return found, tensors["crops"].flatten(0, 1)[self._best(near.flatten())]

    def _maps(self, concepts: Concepts, x: Tensor, activations: Tensor, which: Tensor) -> Tensor:
        """Return the maps of concepts on the image, (c, H, W)."""
        if not len(which):
            return x[:0, 0]
        if self.layer.map_size is None:
            return concept_maps(concepts, x, which)[0].detach()
        return concept_maps_at(concepts, activations, which, x.shape[2:], SMOOTH)[0].detach()

    def _best(self, near: Tensor) -> Tensor:
        best = near.topk(min(self.crops, len(near)))
        return best.indices[best.values.isfinite()]


def _scaled(values: Tensor) -> Tensor:
    values = values.clamp(min=0)
    return values / values.amax().clamp(min=1e-12)
