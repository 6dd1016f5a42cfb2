"""Extraction of the concepts of classes, once for all that read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sparks.checks import whole
from sparks.concepts.bank import ConceptBank, pooled_crops
from sparks.concepts.classes import EVERY, Classified
from sparks.concepts.crops import Cropping, RandomCrops
from sparks.concepts.dictionary import Method
from sparks.concepts.layer import Layer
from sparks.concepts.nmf import NMF
from sparks.progress import progress


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """Settings by which the concepts of a class are fitted: as in CRAFT, on crops of its images.

    Attributes:
        dictionary: fitted on mean activations of crops.
        signed: the same where activations go below zero; None for `dictionary` there too, which
            may refuse them.
        crops: where crops are.
        images: training images of each class, predicted as it, at most.
        most: classes, the first ones that have `enough` images; None for all that have any.
        enough: training and test images that the most demanding reader asks a class for. Classes
            with fewer get concepts too, and do not count.

    Example:
        >>> from sparks.concepts import NMF, Layer
        >>> layer = Layer(model, "1", images[:1])
        >>> Extractor(dictionary=NMF(concepts=3)).fit(layer, images, target=0).codes.shape
        torch.Size([60, 3])
    """

    dictionary: Method = field(default_factory=NMF)
    signed: Method | None = None
    crops: Cropping = field(default_factory=RandomCrops)
    images: int = 200
    most: int | None = None
    enough: Sequence[int] = (10, 2)

    def __post_init__(self) -> None:
        if self.most is not None:
            whole(self, 1, "most")
        whole(self, 1, "images")

    def fit(
        self, layer: Layer, images: Tensor, target: int, index: Tensor | None = None
    ) -> ConceptBank:
        """Fit the concepts of one class.

        A class with fewer crops than concepts gets a concept for each crop.

        Args:
            layer: where the model is cut.
            images: predicted as the class, (n, C, H, W).
            target: number of the class.
            index: numbers of the images in the training set, int64 (n,); 0 to n - 1 if not given.

        Raises:
            SparksError: without images, or when the dictionary refuses their activations.
        """
        crops = self.crops(images)
        pooled = pooled_crops(layer, crops, images)
        negative = self.signed is not None and bool((pooled < 0).any())
        method = self.signed if negative and self.signed is not None else self.dictionary
        if len(crops) < method.concepts:
            method = replace(method, concepts=len(crops))
        dictionary = method.fit(pooled)
        index = torch.arange(len(images)) if index is None else index
        codes = dictionary.encode(pooled)
        return ConceptBank(target, layer.name, dictionary, index, crops, codes, negative)

    def classes(self, train: Tensor, test: Tensor | None = None) -> list[int]:
        """List the classes that get concepts, by their numbers.

        Args:
            train: class that the model predicts for each training image, int64 (N,).
            test: the same for test images; None for as many as are needed.
        """
        seen: list[int] = torch.unique(train).tolist()
        if self.most is None:
            return seen
        counts = train.bincount(minlength=max(seen, default=0) + 1)
        count = [c for c in seen if counts[c] >= self.enough[0]]
        if test is not None:
            tested = test.bincount(minlength=len(counts))
            count = [c for c in count if tested[c] >= self.enough[1]]
        if len(count) < self.most:
            return seen
        return [c for c in seen if c <= count[self.most - 1]]

    def fit_classes(
        self, layer: Layer, train: Classified, test: Tensor | None = None, part: slice = EVERY
    ) -> Iterator[ConceptBank]:
        """Fit the concepts of all classes, one after the other: no more than one is held.

        Args:
            layer: where the model is cut.
            train: training images, and the class that the model predicts for each.
            test: the class that the model predicts for each test image, int64 (N,); see `classes`.
            part: which of the classes, by their place.
        """
        found = self.classes(train.predicted, test)[part]
        for target in progress(found, unit="label", description="concepts"):
            index = train.of(target, self.images)
            yield self.fit(layer, train.images.batch(index), target, index)

    def on(self, train: Classified) -> FittedConcepts:
        """Return concepts that are fitted as they are asked for."""
        return FittedConcepts(self, train)


@dataclass(frozen=True, eq=False)
class FittedConcepts:
    """Concepts of classes, fitted whenever they are asked for; a `ConceptSource`.

    Attributes:
        extractor: how.
        train: images, and the class that the model predicts for each.
    """

    extractor: Extractor
    train: Classified

    @property
    def classes(self) -> Sequence[int]:
        """The classes that have concepts, by their numbers."""
        return self.extractor.classes(self.train.predicted)

    def __call__(self, layer: Layer, target: int) -> ConceptBank:
        """Fit the concepts of a class at a layer.

        Raises:
            SparksError: as `Extractor.fit`.
        """
        index = self.train.of(target, self.extractor.images)
        return self.extractor.fit(layer, self.train.images.batch(index), target, index)
