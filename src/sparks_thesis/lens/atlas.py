"""Atlas of one class for Lens: its concepts, their importance, and where they occur in images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from sparks.attribution.gradient import GradientInput
from sparks.checks import whole
from sparks.concepts.bank import ConceptBank, Concepts
from sparks.concepts.banks import ConceptSource
from sparks.concepts.classes import EVERY, Classified, within
from sparks.concepts.clusters import IMPORTANT, Strategies, plane
from sparks.concepts.layer import Layer
from sparks.concepts.maps import concept_maps, concept_maps_at
from sparks.concepts.steering import shuffled
from sparks.data.imagenet_names import about_class
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.io import load_tensors, save_tensors, tensor_provenance
from sparks.models.classifier import Classifier
from sparks.progress import progress
from sparks.stats import Bootstrap
from sparks_thesis.lens.links import class_vectors, cosines, in_plane
from sparks_thesis.lens.reference import features, reference_layer

# Makes pictures (k, C + 1, H, W) in [0, 1] of the concepts of a class; the last channel is opacity.
Draw = Callable[[Concepts], Tensor]


@dataclass(frozen=True, eq=False)
class ClassAtlas:
    """One class. Concepts are sorted: the first is the most important.

    The concepts themselves are an artifact of their own (`ConceptBank`), from which `order` takes
    them.

    Attributes:
        target: number of the class.
        name: its name.
        tensors: "order" (k,), the place of each concept in its bank; "importance", "low", "high"
            (k,), mean share of the logit in [0, 1] with its interval; "prevalence", "reliability",
            "counts" (k,), see `Strategies`; "strategies" (), concepts that dominate ten images;
            "cosine" (k, k) and "place" (k, 2), concepts beside each other; "aligned",
            "aligned_cosine" (k, a), classes with the nearest vectors, and "own_cosine" (k,);
            "plane" (N, 2), "dominant", "correct", "index" (N,) and uint8 "thumbnails"
            (N, C, t, t), the images; uint8 "crops" (k, m, C, s, s), those that show a concept
            most, "crops_found" (k,), how many there are, "crop_activations" (k, m, p); uint8
            "mapped" (k, n, C, s, s) and "maps" (k, n, s, s), the images that each concept
            contributes most to, and where it is seen; uint8 "pictures" (k, C + 1, q, q), where
            they were drawn, with opacity; "shuffled_importance", "shuffled_prevalence",
            "shuffled_counts" and "shuffled_aligned" (k,), the same of concepts that are the atoms
            with their numbers shuffled over channels, the most important one first; float16
            "features" (n, d) and "held_out" (m, d), see `sparks_thesis.lens.reference`, of images
            that were surveyed, and of others that the model takes for the class.
        about: its other names and its number in ImageNet, where it has one.
    """

    target: int
    name: str
    tensors: Mapping[str, Tensor]
    about: str = ""

    @property
    def k(self) -> int:
        """Number of concepts."""
        return len(self.tensors["importance"])

    @property
    def important(self) -> Tensor:
        """Mark the concepts that contribute most to at least ten images, bool (k,)."""
        return self.tensors["counts"] >= IMPORTANT

    def atoms(self, bank: ConceptBank) -> Tensor:
        """Return the atoms (k, p) of the class's bank, in the order of the atlas."""
        return bank.dictionary.atoms[self.tensors["order"]].contiguous()

    def concepts(self, bank: ConceptBank, layer: Layer) -> Concepts:
        """Return the concepts of the class's bank at their layer, in the order of the atlas."""
        return bank.at(layer).reordered(self.tensors["order"])

    def save(self, path: str | Path) -> None:
        """Write the class to one file."""
        about = {"target": self.target, "name": self.name, "about": self.about}
        save_tensors(path, self.tensors, about)

    @staticmethod
    def load(path: str | Path) -> ClassAtlas:
        """Read what `save` wrote."""
        metadata = tensor_provenance(path)
        if not {"target", "name", "about"} <= set(metadata):
            raise SparksError(f"{path} is no class of a Lens atlas: make the atlas again")
        tensors = load_tensors(path)
        return ClassAtlas(
            int(metadata["target"]), str(metadata["name"]), tensors, str(metadata["about"])
        )


@dataclass(frozen=True, kw_only=True)
class Surveyor:
    """Builds the atlas of a model's classes.

    The images surveyed are those that a class's concepts were fitted on. A concept's importance is
    its share of the logit, which is exact at the last layer (Fel et al. 2023, holistic, section 4).

    Attributes:
        most: classes, the first ones; None for all.
        crops: shown of each concept.
        side: of crops and images shown, in pixels, at most.
        picture: side of the pictures of concepts, in pixels, at most.
        thumbnail: side of the images shown on hover, in pixels.
        mapped: images of each concept that are shown with its map.
        aligned: classes listed beside each concept.
        reference: images of each class, of those surveyed and of others, whose features tell later
            how far an image is from them.
        bootstrap: of importances, over images.
        seed: of the plane.
    """

    most: int | None = None
    crops: int = 10
    side: int = 96
    picture: int = 128
    thumbnail: int = 40
    mapped: int = 4
    aligned: int = 5
    reference: int = 100
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.most is not None:
            whole(self, 1, "most")
        whole(self, 1, "crops", "side", "picture", "thumbnail")
        whole(self, 0, "mapped", "aligned", "reference", "seed")

    def survey(
        self,
        model: Classifier,
        layer: str,
        train: Classified,
        source: ConceptSource,
        draw: Draw | None = None,
        part: slice = EVERY,
        test: Classified | None = None,
    ) -> Iterator[ClassAtlas]:
        """Yield the classes one after the other: no more than one is held.

        Classes for which the model predicts fewer than two images are left out.

        Args:
            model: in evaluation mode.
            layer: where concepts were found.
            train: images that concepts were found in and are shown with.
            source: gives the concepts.
            draw: makes pictures of the concepts of a class.
            part: which of these classes, by their place.
            test: images that were not trained on.
        """
        images = train.images
        counts = train.predicted.bincount(minlength=len(images.classes))
        seen = [c for c in range(len(images.classes)) if counts[c] >= 2]
        if not seen:
            raise SparksError("the model predicts no class for two images: there is nothing to see")
        cut = Layer(model, layer, images.batch([0]))
        early = reference_layer(model, layer, images.batch([0]))
        some = torch.cat([train.of(target, 1) for target in seen[:16]])
        vectors = class_vectors(cut, images.batch(some))
        for target in progress(seen[within(part, self.most)], unit="label", description="lens"):
            bank = source(cut, target)
            index, concepts = bank.index, bank.at(cut)
            correct = images.labels[index] == target
            one = self.of_class(concepts, images, target, index, correct, vectors, draw)
            known = {"features": features(early, images.batch(index[: self.reference])).half()}
            known["held_out"] = known["features"].new_zeros(0, known["features"].shape[1])
            if test is not None and len(others := test.of(target, self.reference)):
                known["held_out"] = features(early, test.images.batch(others)).half()
            yield replace(one, tensors={**one.tensors, **known})

    def of_class(
        self,
        concepts: Concepts,
        train: ImageSet,
        target: int,
        index: Tensor,
        correct: Tensor,
        vectors: Tensor,
        draw: Draw | None = None,
    ) -> ClassAtlas:
        """Survey one class.

        Args:
            concepts: of the class.
            train: images.
            target: the class.
            index: numbers of the images that the concepts were fitted on.
            correct: whether each is of the class.
            vectors: of all classes (classes, p), see `class_vectors`.
            draw: see `survey`.
        """
        x = train.batch(index)
        activations = concepts.layer.activations(x)
        u = concepts.dictionary.encode(activations).mT
        classes = torch.full((len(x),), target, dtype=torch.int64)
        gave = GradientInput()(concepts.head, u, classes)
        order = Strategies(gave, correct).importance.argsort(descending=True, stable=True)
        concepts, gave = concepts.reordered(order), gave[:, order]
        tensors = {"order": order} | self._numbers(gave, correct)
        tensors |= self._shuffled(concepts, activations, correct, vectors, target)
        tensors |= self._relations(concepts, vectors, target)
        tensors |= self._pixels(concepts, x) | self._seen(concepts, x, activations, gave)
        tensors |= {"index": index, "correct": correct, "plane": plane(gave, self.seed)}
        if draw is not None:
            tensors["pictures"] = as_bytes(resized(draw(concepts), self.picture))
        return ClassAtlas(target, train.classes[target], tensors, about_class(train, target))

    def _numbers(self, gave: Tensor, correct: Tensor) -> dict[str, Tensor]:
        found = Strategies(gave, correct)
        intervals = [self.bootstrap.mean(column) for column in found.shares.T.double()]
        return {
            "importance": torch.tensor([i.mean for i in intervals]),
            "low": torch.tensor([i.low for i in intervals]),
            "high": torch.tensor([i.high for i in intervals]),
            "prevalence": found.prevalence,
            "reliability": found.reliability,
            "counts": found.counts,
            "dominant": found.dominant,
            "strategies": torch.tensor(found.strategies),
        }

    def _shuffled(
        self,
        concepts: Concepts,
        activations: Tensor,
        correct: Tensor,
        vectors: Tensor,
        target: int,
    ) -> dict[str, Tensor]:
        """Return the numbers of concepts that point nowhere: the control of claims on numbers."""
        each = [shuffled(atom, self.seed + i) for i, atom in enumerate(concepts.dictionary.atoms)]
        dictionary = replace(concepts.dictionary, atoms=torch.stack(each))
        blank = replace(concepts, dictionary=dictionary)
        classes = torch.full((len(activations),), target, dtype=torch.int64)
        u = dictionary.encode(activations).mT
        gave = GradientInput()(blank.head, u, classes)
        found = Strategies(gave, correct)
        order = found.importance.argsort(descending=True, stable=True)
        nearest = cosines(dictionary.atoms.cpu(), vectors).argmax(1)
        return {
            "shuffled_importance": found.importance[order],
            "shuffled_prevalence": found.prevalence[order],
            "shuffled_counts": found.counts[order],
            "shuffled_aligned": nearest[order],
        }

    def _relations(self, concepts: Concepts, vectors: Tensor, target: int) -> dict[str, Tensor]:
        atoms = concepts.dictionary.atoms.cpu()
        near = cosines(atoms, vectors)
        best = near.topk(min(self.aligned, len(vectors)), dim=1)
        cosine = cosines(atoms, atoms)
        return {
            "aligned": best.indices,
            "aligned_cosine": best.values,
            "own_cosine": near[:, target].clone(),
            "cosine": cosine,
            "place": in_plane(1 - cosine),
        }

    def _pixels(self, concepts: Concepts, x: Tensor) -> dict[str, Tensor]:
        tops = [concepts.top(concept, self.crops) for concept in range(concepts.k)]
        # Images with one crop each: fewer than `crops` where the class has fewer images.
        cut = torch.stack([_padded(top.cut(x), self.crops) for top in tops])
        seen = torch.stack([_padded(concepts.layer.pooled(top.cut(x)), self.crops) for top in tops])
        crops = as_bytes(resized(cut.flatten(0, 1), self.side))
        return {
            "thumbnails": as_bytes(resized(x, self.thumbnail)),
            "crops": crops.reshape(*cut.shape[:2], *crops.shape[1:]),
            "crops_found": torch.tensor([len(top) for top in tops]),
            "crop_activations": seen.half(),
        }

    def _seen(
        self, concepts: Concepts, x: Tensor, activations: Tensor, gave: Tensor
    ) -> dict[str, Tensor]:
        """Return the maps of each concept on the images that it contributes most to."""
        mapped, maps = [], []
        for concept, column in enumerate(gave.T):
            chosen = column.topk(min(self.mapped, len(x))).indices
            which = torch.tensor([concept])
            if concepts.layer.map_size is None:
                found = concept_maps(concepts, x[chosen], which)
            else:
                found = concept_maps_at(
                    concepts, activations[chosen], which, x.shape[2:], "bicubic"
                )
            found = found[:, 0].clamp(min=0)
            size = found.amax().clamp(min=1e-12)
            maps.append(as_bytes(resized(found[:, None] / size, self.side))[:, 0])
            mapped.append(as_bytes(resized(x[chosen], self.side)))
        return {"mapped": torch.stack(mapped), "maps": torch.stack(maps)}


def _padded(rows: Tensor, count: int) -> Tensor:
    return torch.cat([rows, rows.new_zeros(count - len(rows), *rows.shape[1:])])


def resized(x: Tensor, side: int) -> Tensor:
    """Return images (N, C, H, W) whose shorter side is at most `side` pixels."""
    scale = side / min(x.shape[2:])
    if scale >= 1:
        return x
    height, width = (max(1, round(scale * length)) for length in x.shape[2:])
    return functional.interpolate(x, (height, width), mode="bilinear", antialias=True)


def as_bytes(x: Tensor) -> Tensor:
    """Return the values in [0, 1] as uint8."""
    return (x.clamp(0, 1) * 255).round().byte()


__all__ = ["IMPORTANT", "ClassAtlas", "Draw", "Surveyor", "as_bytes", "resized"]
