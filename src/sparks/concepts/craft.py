"""CRAFT (Fel et al. 2023): concepts of a class, their importance, their maps and sub-concepts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sparks.attribution.sobol import Sobol
from sparks.checks import whole
from sparks.concepts.bank import Concepts, pooled_crops
from sparks.concepts.crops import Cropping, Crops, RandomCrops
from sparks.concepts.dictionary import Method
from sparks.concepts.layer import ConceptSum, Layer
from sparks.concepts.nmf import NMF
from sparks.engine.perturbations import Baseline, Sum
from sparks.errors import SparksError


@dataclass(frozen=True)
class Node:
    """Concepts, and the sub-concepts of those that were refined.

    Attributes:
        concepts: at this level.
        children: concept → its sub-concepts, at an earlier layer.
    """

    concepts: Concepts
    children: Mapping[int, Node]

    def walk(self, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Concepts]]:
        """Yield every node with the concepts that lead to it, parents first."""
        yield path, self.concepts
        for concept, child in self.children.items():
            yield from child.walk((*path, concept))


@dataclass(frozen=True, kw_only=True)
class Craft:
    """CRAFT: extraction of a class's concepts and their ranking by total Sobol indices.

    Attributes:
        dictionary: NMF in the paper.
        crops: random ones in the paper, `GridCrops` in its code.
        importance: total Sobol indices of the coefficients, one mask for all places of a concept.
            As published: `Sobol(sequence="halton", scramble=False)`, N = 32.
        quantile: of a concept's coefficients, above which crops are refined further.
        finer: sub-concepts of a concept.

    Example:
        >>> from sparks.attribution import Sobol
        >>> from sparks.concepts import Layer, NMF
        >>> craft = Craft(dictionary=NMF(concepts=3), importance=Sobol(points=8))
        >>> concepts = craft.fit(Layer(model, "1", images[:1]), images)
        >>> craft.rank(concepts, images, target=0).shape  # images, concepts
        torch.Size([6, 3])
        >>> concepts.maps(images).shape
        torch.Size([6, 3, 14, 14])
    """

    dictionary: Method = field(default_factory=NMF)
    crops: Cropping = field(default_factory=RandomCrops)
    importance: Sobol = field(default_factory=Sobol)
    quantile: float = 0.9
    finer: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.quantile <= 1:
            raise SparksError(f"quantile {self.quantile} of crops: choose one in [0, 1]")
        whole(self, 1, "finer")

    def fit(self, layer: Layer, images: Tensor) -> Concepts:
        """Extract concepts from images (N, C, H, W) that the model predicts as one class.

        The dictionary is fitted on the mean activations of crops, which are cut batch after batch.

        Raises:
            SparksError: without images, or when the dictionary refuses their activations.
        """
        return self.fit_crops(layer, images, self.crops(images))

    def fit_crops(self, layer: Layer, images: Tensor, crops: Crops) -> Concepts:
        """Extract concepts from given crops of images."""
        return self.fit_pooled(layer, crops, pooled_crops(layer, crops, images))

    def fit_pooled(self, layer: Layer, crops: Crops, pooled: Tensor) -> Concepts:
        """Extract concepts from crops whose mean activations (M, p) are known."""
        dictionary = self.dictionary.fit(pooled)
        return Concepts(layer, dictionary, crops, dictionary.encode(pooled))

    def refine(self, concepts: Concepts, concept: int, layer: Layer, images: Tensor) -> Concepts:
        """Extract the sub-concepts of a concept at an earlier layer, from the crops that show it.

        Args:
            concepts: fitted on crops of `images`.
            concept: which to refine.
            layer: earlier than theirs.
            images: of the crops.
        """
        codes = concepts.codes_of(concept)
        chosen = (codes >= codes.quantile(self.quantile)).nonzero()[:, 0]
        method = replace(self.dictionary, concepts=self.finer)
        return replace(self, dictionary=method).fit_crops(layer, images, concepts.crops[chosen])

    def tree(self, layers: Sequence[Layer], images: Tensor, width: int | None = None) -> Node:
        """Extract concepts at the first layer, and sub-concepts of them at the next, to the end.

        Args:
            layers: late ones first; as many levels.
            images: that the model predicts as one class.
            width: refine the concepts with the largest mean coefficients, so many; None for all.
        """
        if not layers:
            raise SparksError("a tree of concepts needs a layer for each level, late ones first")
        return self._grow(self.fit(layers[0], images), layers[1:], images, width)

    def _grow(
        self, concepts: Concepts, layers: Sequence[Layer], images: Tensor, width: int | None
    ) -> Node:
        if not layers:
            return Node(concepts, {})
        order = concepts.codes.mean(0).argsort(descending=True, stable=True)[:width].tolist()
        children = {}
        for concept in order:
            finer = self.refine(concepts, concept, layers[0], images)
            children[concept] = self._grow(finer, layers[1:], images, width)
        return Node(concepts, children)

    def rank(self, concepts: Concepts, x: Tensor, target: int) -> Tensor:
        """Return the importance (N, k) of each concept for the logit of `target`, for each image.

        Their mean over images ranks the concepts of the class.

        Raises:
            SparksError: without images, or for a class that the model does not know.
        """
        if not len(x):
            raise SparksError("no images to rank concepts for: give some of the class")
        concepts.layer.check_class(target)
        u = concepts.coefficients(x)
        classes = torch.full((len(x),), target, dtype=torch.int64)
        if self.importance.perturbation != Baseline():
            return self.importance(concepts.head, u, classes)
        # Without a baseline, masked coefficients weigh the concepts' terms in u V.
        head = ConceptSum(concepts.layer, concepts.dictionary)
        engine = head.sized(self.importance.engine)
        method = replace(self.importance, perturbation=Sum(), engine=engine)
        parts = zip(*(torch.split(t, head.images) for t in (u, classes)), strict=True)
        return torch.cat([method(head, head.terms(some), own) for some, own in parts])
