"""One dictionary for all classes of a network: what its atoms look like, and what they do.

A sparse autoencoder is trained on the places of many photographs. Where the logits are affine in
the mean activation, every class is a row of weights over the same atoms (`AffineHead`), whether or
not there are images of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparks.checks import between, whole
from sparks.concepts.affine_head import AffineHead
from sparks.concepts.dictionary import Dictionary
from sparks.concepts.layer import Layer
from sparks.concepts.sae import SAE
from sparks.concepts.steering import shuffled
from sparks.concepts.streams import Stream
from sparks.errors import SparksError
from sparks.progress import progress
from sparks.results import MetricRecorder
from sparks.visualization import Ascent, ImageStatistics, concept_pictures, stretched, transparency
from sparks.visualization.crops import resize
from sparks_thesis.lens.atlas import as_bytes
from sparks_thesis.lens.links import cosines
from sparks_thesis.lens.photographs import Photographs, side_of

BATCH = 64  # images at a time
NEAR = 6  # atoms listed beside an atom
MAPS = 3  # atoms of an image that are shown where they are seen
CONDITIONS = ("atoms", "shuffled atoms")


@dataclass(frozen=True, kw_only=True)
class AtomSurvey:
    """Settings of the survey.

    Attributes:
        dictionary: the autoencoder.
        most: images of each class, at most, the first ones of each data set: a class with many
            would have most of the atoms.
        places: of each image that an epoch of its training sees, at random.
        held_out: every so many images are not trained on, and judge it.
        crops: of each atom, the image parts with its largest codes, one an image.
        share: side of a crop, in sides of its image.
        side: of a stored crop, pixels.
        per_class: images kept of each class, the first ones with its label.
        thumbnail: side of these, pixels.
        seed: of the places and of the shuffled atoms.

    Raises:
        SparksError: when a setting is out of its range.
    """

    dictionary: SAE
    most: int = 20
    places: int = 16
    held_out: int = 10
    crops: int = 8
    share: float = 0.4
    side: int = 64
    per_class: int = 3
    thumbnail: int = 112
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "most", "places", "crops", "side", "per_class", "thumbnail")
        whole(self, 2, "held_out")
        whole(self, 0, "seed")
        between(self, 0, 1, "share", ends=True)

    def run(
        self,
        layer: Layer,
        sources: Sequence[Photographs],
        statistics: ImageStatistics,
        draw: Ascent,
    ) -> tuple[MetricRecorder, dict[str, Tensor], dict[int, str]]:
        """Train the dictionary, and survey its atoms.

        Args:
            layer: where a network is cut, whose logits are affine in the mean activation; for
                images of `side_of` the sources.
            sources: photographs, `balanced`.
            statistics: for the pictures of atoms.
            draw: how pictures are made.

        Returns:
            Numbers, the tensors of `AtomAtlas`, and of each image that is shown its photographer,
            licence and address, "" where they are not known.

        Raises:
            SparksError: when there are fewer places than atoms, or the logits do not split.
        """
        count = sum(len(source.images) for source in sources)
        if layer.places * count < self.dictionary.concepts:
            raise SparksError(
                f"{self.dictionary.concepts} atoms of {count} images with {layer.places} places "
                "each: ask for fewer atoms, or give more images"
            )
        head = AffineHead.of(layer, self.seed)
        labels = torch.cat([source.rows[source.images.labels] for source in sources])
        kept = self._of_classes(labels)
        # As a file, so that memory does not grow with the images.
        with TemporaryFile() as file:
            tokens = np.memmap(file, np.float16, "w+", shape=(count, layer.places, layer.channels))
            self._fill(tokens, layer, sources)
            fitted = self._fit(tokens)
            found = _Codes.of(tokens, fitted, head)
            weights = above_mean(head.of_atoms(fitted))
            made = self._maps(tokens, layer, fitted, found, kept, weights[labels[kept]])
        recorder = MetricRecorder()
        for name in CONDITIONS:
            self._judge(name, found, fitted, head, recorder)
        made |= {
            "weights": weights,
            "constant": above_mean(head.constant(fitted)),
            "typical": found.mean.sum(0) / (found.largest > 0).sum(0).clamp(min=1),
            "used": (found.largest > 0).float().mean(0),
            "plane": self._plane(fitted.atoms),
            **self._near(fitted.atoms),
            "seen": torch.bincount(labels, minlength=len(head.bias)),
            "image": kept,
            "label": labels[kept],
            "codes": found.mean[kept],
            "left": above_mean(found.left[kept].T).T.gather(1, labels[kept][:, None])[:, 0],
            "predicted": found.logits[kept].argmax(1),
            "pictures": self._pictures(layer, fitted, statistics, draw),
        }
        credit = [c for s in sources for c in s.images.credits or [""] * len(s.images)]
        credited = torch.tensor([bool(text) for text in credit])
        chosen = {"all": self._largest(found, None), "credited": self._largest(found, credited)}
        made |= self._cut(sources, layer, found, chosen, kept)
        shown = torch.cat([kept, *(images.flatten() for images in chosen.values())]).tolist()
        return recorder, made, {image: credit[image] for image in sorted(set(shown)) if image >= 0}

    def _fill(
        self, tokens: NDArray[np.float16], layer: Layer, sources: Sequence[Photographs]
    ) -> None:
        at, side = 0, side_of(sources)
        for source in sources:
            batches = source.images.batches(BATCH)
            total = -(-len(source.images) // BATCH)
            for x, _ in progress(batches, total=total, unit="batch", description=source.name):
                tokens[at : at + len(x)] = layer.activations(resize(x, (side, side))).numpy()
                at += len(x)

    def _fit(self, tokens: NDArray[np.float16]) -> Dictionary:
        trained = np.flatnonzero(np.arange(len(tokens)) % self.held_out)

        def batches(epoch: int) -> Iterator[Tensor]:
            generator = np.random.default_rng([self.seed, epoch])
            order = generator.permutation(trained)
            for start in range(0, len(order), BATCH):
                some = np.sort(order[start : start + BATCH])
                drawn = generator.permuted(
                    np.tile(np.arange(tokens.shape[1]), (len(some), 1)), axis=1
                )[:, : self.places]
                yield torch.from_numpy(tokens[some[:, None], drawn].reshape(-1, tokens.shape[2]))

        return self.dictionary.fit(Stream(batches))

    def _maps(
        self,
        tokens: NDArray[np.float16],
        layer: Layer,
        fitted: Dictionary,
        found: _Codes,
        kept: Tensor,
        weights: Tensor,
    ) -> dict[str, Tensor]:
        """Return the atoms that add most to the class of each kept image, and where they are seen.

        Args:
            tokens: activations of all images.
            layer: of these.
            fitted: the dictionary.
            found: codes of all images.
            kept: numbers of the images.
            weights: of the atoms, for the class of each, (M, k).

        Returns:
            "leading" (M, MAPS) atoms, and "maps" of their codes, uint8 (M, MAPS, side, side).
        """
        n = min(MAPS, fitted.k)
        leading = (found.mean[kept] * weights).topk(n, dim=1).indices
        size, side = layer.map_size or (1, layer.places), self.thumbnail
        maps = torch.zeros(len(kept), n, side, side, dtype=torch.uint8)
        for place, image in enumerate(kept.tolist()):
            codes = fitted.encode(torch.from_numpy(np.asarray(tokens[image])).float())
            one = codes.T[leading[place]].reshape(1, n, *size)
            one = one / one.amax((2, 3), keepdim=True).clamp(min=1e-12)
            maps[place] = as_bytes(resize(one, (side, side))[0])
        return {"leading": leading, "maps": maps}

    def _pictures(
        self, layer: Layer, fitted: Dictionary, statistics: ImageStatistics, draw: Ascent
    ) -> Tensor:
        """Return a picture of each atom, their opacity as the last channel, uint8 (k, 4, h, w)."""
        (made,) = concept_pictures(layer, [fitted.atoms], statistics, draw, self.seed)
        return as_bytes(torch.cat([stretched(made.images), transparency(made.alpha)[:, None]], 1))

    def _judge(
        self,
        name: str,
        found: _Codes,
        fitted: Dictionary,
        head: AffineHead,
        recorder: MetricRecorder,
    ) -> None:
        """Record how much of the held-out images the atoms hold, and of their logits."""
        held = torch.arange(len(found.mean)) % self.held_out == 0
        weights = head.of_atoms(fitted)
        if name != CONDITIONS[0]:  # the same codes, each atom with its channels in another order
            atoms = [shuffled(atom, self.seed + i) for i, atom in enumerate(fitted.atoms)]
            weights = head.of_atoms(replace(fitted, atoms=torch.stack(atoms)))
        alone = head.constant(fitted) + found.mean[held] @ weights.T
        logits = found.logits[held]
        same = alone.argmax(1) == logits.argmax(1)
        spread = (logits - logits.mean(0)).square().sum()
        scores = {
            "TopAgreement": [float(same.float().mean())],
            "LogitR2": [1 - float((logits - alone).square().sum() / spread)],
        }
        if name == CONDITIONS[0]:
            scores |= {
                "HeldOutR2": [1 - float(found.error[held].sum() / found.size[held].sum())],
                "L0": [float(found.active[held].mean())],
                "Unused": [float((found.largest[~held].amax(0) <= 0).float().mean())],
            }
        recorder.add(scores, method=name, concepts=fitted.k)

    def _plane(self, atoms: Tensor) -> Tensor:
        """Return a place in a plane for each atom, alike ones near each other, in [0, 1]."""
        from sklearn.manifold import TSNE

        if len(atoms) < 4:
            return torch.linspace(0, 1, len(atoms))[:, None].expand(-1, 2)
        near = min(30.0, (len(atoms) - 1) / 3)
        layout = TSNE(metric="cosine", init="random", perplexity=near, random_state=self.seed)
        places = torch.from_numpy(layout.fit_transform(atoms.numpy())).float()
        low, high = places.amin(0), places.amax(0)
        return (places - low) / (high - low).clamp(min=1e-9)

    def _near(self, atoms: Tensor) -> dict[str, Tensor]:
        """Return the atoms with the largest cosine to each, and the cosine, (k, NEAR) or fewer."""
        alike = cosines(atoms, atoms).fill_diagonal_(-2)
        cosine, near = alike.topk(min(NEAR, len(atoms) - 1), dim=1)
        return {"near": near, "cosine": cosine}

    def balanced(self, source: Photographs) -> Photographs:
        """Return the first images of each class of a data set."""
        chosen = [
            number
            for label in range(len(source.images.classes))
            for number in (source.images.labels == label).nonzero().flatten()[: self.most].tolist()
        ]
        return source._replace(images=source.images.subset(sorted(chosen)))

    def _of_classes(self, labels: Tensor) -> Tensor:
        """Return the numbers of the images that are kept, the first ones of each class."""
        kept: dict[int, list[int]] = {}
        for number, label in enumerate(labels.tolist()):
            if len(kept.setdefault(label, [])) < self.per_class:
                kept[label].append(number)
        return torch.tensor([n for label in sorted(kept) for n in kept[label]])

    def _largest(self, found: _Codes, allowed: Tensor | None) -> Tensor:
        """Return the images with the largest code of each atom, (k, crops); -1 where there is none.

        Args:
            found: codes of all images.
            allowed: which images count, (N,); None for all.
        """
        values = found.largest if allowed is None else found.largest * allowed[:, None]
        n = min(self.crops, len(values))
        top, images = values.T.topk(n, dim=1)
        return torch.where(top > 0, images, -1)

    def _cut(
        self,
        sources: Sequence[Photographs],
        layer: Layer,
        found: _Codes,
        chosen: dict[str, Tensor],
        kept: Tensor,
    ) -> dict[str, Tensor]:
        """Return crops of the chosen images, and the kept images made small."""
        wanted: dict[int, list[tuple[str, int, int]]] = {}
        crops = {}
        for name, images in chosen.items():
            crops[name] = torch.zeros(*images.shape, 3, self.side, self.side, dtype=torch.uint8)
            for atom, place in (images >= 0).nonzero().tolist():
                wanted.setdefault(int(images[atom, place]), []).append((name, atom, place))
        places = {int(image): place for place, image in enumerate(kept)}
        small = torch.zeros(len(kept), 3, self.thumbnail, self.thumbnail, dtype=torch.uint8)
        side = side_of(sources)
        starts = np.cumsum([0, *(len(source.images) for source in sources)])
        for image in progress(sorted({*wanted, *places}), unit="image", description="crops"):
            source = int(np.searchsorted(starts, image, side="right")) - 1
            x = sources[source].images.batch([image - int(starts[source])])
            x = resize(x, (side, side))
            for name, atom, place in wanted.get(image, []):
                part = self._around(x, layer, int(found.where[image, atom]))
                crops[name][atom, place] = as_bytes(resize(part, (self.side, self.side))[0])
            if image in places:
                small[places[image]] = as_bytes(resize(x, (self.thumbnail, self.thumbnail))[0])
        named = {f"crops.{name}": made for name, made in crops.items()}
        return named | {f"images.{n}": i for n, i in chosen.items()} | {"thumbnails": small}

    def _around(self, x: Tensor, layer: Layer, place: int) -> Tensor:
        """Return the part of an image (1, C, H, W) around a place of the layer."""
        height, width = layer.map_size or (1, 1)
        side = max(1, round(self.share * min(x.shape[2:])))
        row, column = divmod(place, width)
        top, left = (
            min(max(round((at + 0.5) / of * full - side / 2), 0), full - side)
            for at, of, full in ((row, height, x.shape[2]), (column, width, x.shape[3]))
        )
        return x[:, :, top : top + side, left : left + side]


@dataclass(frozen=True, eq=False)
class _Codes:
    """Codes of N images by a dictionary of k atoms, and what these leave.

    Attributes:
        mean: over places, (N, k).
        largest: over places, (N, k).
        where: place of the largest, (N, k).
        active: non-zero codes of a place, mean over places, (N,).
        error: squared error of the reconstruction, summed over places, (N,).
        size: squared distance of the activations from the dictionary's offset, summed, (N,).
        logits: of the network, (N, classes).
        left: of these by the atoms, (N, classes).
    """

    mean: Tensor
    largest: Tensor
    where: Tensor
    active: Tensor
    error: Tensor
    size: Tensor
    logits: Tensor
    left: Tensor

    @classmethod
    def of(cls, tokens: NDArray[np.float16], fitted: Dictionary, head: AffineHead) -> _Codes:
        parts = []
        for start in range(0, len(tokens), BATCH):
            a = torch.from_numpy(np.asarray(tokens[start : start + BATCH])).float()
            codes = fitted.encode(a)
            largest, where = codes.max(1)
            means, pooled = a.mean(1), codes.mean(1)
            error = (a - fitted.decode(codes)).square().sum((1, 2))
            size = (a - fitted.offset).square().sum((1, 2))
            active = (codes > 0).sum(2).float().mean(1)
            logits, left = head.logits(means), head.left(fitted, means, pooled)
            parts.append((pooled, largest, where, active, error, size, logits, left))
        return cls(*(torch.cat(part) for part in zip(*parts, strict=True)))


def above_mean(of_classes: Tensor) -> Tensor:
    """Return numbers of classes (classes, ...) less their mean over classes.

    What all classes have in common moves no probability.
    """
    return of_classes - of_classes.mean(0)
