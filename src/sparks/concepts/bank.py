"""Concepts of a set of images: with the network that they were found in, and as an artifact.

`ConceptBank` is what a fit gave, without the network: one file, which it writes and reads itself.
Concepts are stored and read nowhere else. `ConceptBank.at` joins it to a network cut at the
layer, as `Concepts`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparks.concepts.crops import Crops
from sparks.concepts.dictionary import Dictionary, Fit
from sparks.concepts.layer import ConceptHead, ConceptScores, Layer
from sparks.errors import SparksError
from sparks.io import load_tensors, save_tensors, tensor_provenance
from sparks.short_repr import short_repr

_RECORD = "concepts"  # the entry of a file's provenance that is no tensor


@dataclass(frozen=True, eq=False)
class Concepts:
    """The concepts of a set of images at a layer.

    Attributes:
        layer: where the model is cut.
        dictionary: its atoms are the concepts.
        crops: of the images it was fitted on.
        codes: how much of each concept each crop shows, (M, k).
    """

    layer: Layer
    dictionary: Dictionary
    crops: Crops
    codes: Tensor

    __repr__ = short_repr

    @property
    def k(self) -> int:
        """Number of concepts."""
        return self.dictionary.k

    def coefficients(self, x: Tensor) -> Tensor:
        """Return coefficients (N, k, L) of images at every place.

        Raises:
            SparksError: when an image's activations are not finite.
        """
        activations = self.layer.activations(x)
        bad = (~activations.isfinite()).flatten(1).any(1).nonzero()
        if len(bad):
            raise SparksError(
                f"layer {self.layer.name!r} gives NaN or infinite values for image {int(bad[0])}: "
                "the model or this image holds such values"
            )
        return self.dictionary.encode(activations).mT

    def codes_of(self, concept: int) -> Tensor:
        """Return the code of one concept in each crop, (M,)."""
        if not 0 <= concept < self.k:
            raise SparksError(f"there is no concept {concept}: choose 0 … {self.k - 1}")
        return self.codes[:, concept]

    def maps(self, x: Tensor) -> Tensor:
        """Return coefficients (N, k, h, w) of images as maps, where places form a grid."""
        if self.layer.map_size is None:
            raise SparksError(f"the places of layer {self.layer.name!r} form no grid: no maps")
        u = self.coefficients(x)
        return u.reshape(*u.shape[:2], *self.layer.map_size)

    @property
    def head(self) -> ConceptHead:
        """Coefficients → logits."""
        return ConceptHead(self.layer, self.dictionary)

    def scores(self, pool: bool = False) -> ConceptScores:
        """Images → coefficients, for attribution methods to explain."""
        return ConceptScores(self.layer, self.dictionary, pool)

    def top(self, concept: int, count: int) -> Crops:
        """Return the crops with the largest codes of a concept, at most one of each image."""
        return self.crops[top_crops(self.codes_of(concept), self.crops.sample_index, count)]

    def reordered(self, order: Tensor) -> Concepts:
        """Return the concepts in another order, int64 (k,)."""
        dictionary, codes = self.dictionary.reordered(order), self.codes[:, order]
        return replace(self, dictionary=dictionary, codes=codes)


@dataclass(frozen=True, eq=False)
class ConceptBank:
    """Concepts of one class at one layer, as they were fitted; without the network.

    Attributes:
        target: number of the class.
        layer: name of the layer.
        dictionary: its atoms are the concepts.
        index: numbers of the images that it was fitted on, in the training set, int64 (n,).
        crops: of these images, numbered from 0; whole images are crops of side 1.
        codes: how much of each concept each crop shows, (M, k).
        signed: whether the dictionary is the one for activations below zero (see `Extractor`).

    Example:
        >>> from sparks.concepts import NMF, Extractor, Layer
        >>> layer = Layer(model, "1", images[:1])
        >>> fitted = Extractor(dictionary=NMF(concepts=3)).fit(layer, images, target=0)
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     fitted.save(f"{folder}/0.safetensors")
        ...     bank = ConceptBank.load(f"{folder}/0.safetensors")
        >>> bank.at(layer).coefficients(images).shape  # images, concepts, places
        torch.Size([6, 3, 196])
    """

    target: int
    layer: str
    dictionary: Dictionary
    index: Tensor
    crops: Crops
    codes: Tensor
    signed: bool = False

    __repr__ = short_repr

    @property
    def k(self) -> int:
        """Number of concepts."""
        return self.dictionary.k

    @property
    def kind(self) -> str:
        """Class of the dictionary, by its name and module."""
        return _name(type(self.dictionary))

    def at(self, layer: Layer) -> Concepts:
        """Return the concepts with the network that they were found in.

        Raises:
            SparksError: when the layer is another one.
        """
        channels = self.dictionary.atoms.shape[1]
        if (layer.name, layer.channels) != (self.layer, channels):
            raise SparksError(
                f"concepts of class {self.target} were found at layer {self.layer!r} with "
                f"{channels} channels, and this is {layer.name!r} with {layer.channels}: give "
                "the network and the layer that they were fitted on"
            )
        return Concepts(layer, self.dictionary, self.crops, self.codes)

    def save(self, path: str | Path, provenance: Mapping[str, Any] | None = None) -> None:
        """Write the bank to one file.

        Args:
            path: where to; missing folders are made.
            provenance: how it was made; anything JSON can hold.

        Raises:
            SparksError: when the file cannot be written.
        """
        tensors, record = self._parts()
        save_tensors(path, tensors, {**(provenance or {}), _RECORD: record})

    @classmethod
    def load(cls, path: str | Path) -> ConceptBank:
        """Read what `save` wrote: the same codes of the same activations, to the last bit.

        Raises:
            SparksError: when the file is missing, damaged, or holds no concepts.
        """
        record = tensor_provenance(path).get(_RECORD)
        if record is None:
            raise SparksError(f"{path} holds no concepts: delete it and rerun the job `concepts`")
        tensors = load_tensors(path)
        for name in record["transposed"]:
            tensors[name] = tensors[name].T
        made = dict(record["settings"])
        prefix = "dictionary."
        made |= {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        dictionary = _kind(record["kind"])(fit=Fit(**record["fit"]), **made)
        crops = Crops(tensors["crops.sample_index"], tensors["crops.corner"], record["side"])
        return cls(
            target=record["target"],
            layer=record["layer"],
            dictionary=dictionary,
            index=tensors["index"],
            crops=crops,
            codes=tensors["codes"],
            signed=record["signed"],
        )

    def digest(self) -> str:
        """Return a digest of all that the bank holds: not of where or when it was made."""
        tensors, record = self._parts()
        made = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
        for name, tensor in sorted(tensors.items()):
            made.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            made.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return made.hexdigest()

    def _parts(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors, and all else."""
        own, settings = self.dictionary, {}
        tensors = {
            "index": self.index,
            "codes": self.codes,
            "crops.sample_index": self.crops.sample_index,
            "crops.corner": self.crops.corner,
        }
        for one in fields(own):
            value = getattr(own, one.name)
            if isinstance(value, Tensor):
                tensors[f"dictionary.{one.name}"] = value
            elif one.name != "fit":
                settings[one.name] = value
        # Files hold rows; products of a matrix that lies in columns differ in their last bits.
        columns = [n for n, t in tensors.items() if not t.is_contiguous() and t.T.is_contiguous()]
        tensors |= {name: tensors[name].T for name in columns}
        record = {
            "target": self.target,
            "layer": self.layer,
            "side": self.crops.side,
            "signed": self.signed,
            "kind": _name(type(own)),
            "fit": asdict(own.fit),
            "settings": settings,
            "transposed": columns,
        }
        return tensors, record


def _name(kind: type[Dictionary]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _kind(name: str) -> type[Dictionary]:
    """Return the class of dictionaries of a dotted name, one of those that are imported.

    Raises:
        SparksError: when there is none: a file never says what is to be imported.
    """
    from sparks.concepts.nmf import NonNegative
    from sparks.concepts.sae_codes import Gated, Pursued, Sparse
    from sparks.concepts.sklearn_wrappers import Linear, OneHot

    known: list[type[Dictionary]] = [
        NonNegative,
        OneHot,
        Linear,
        Sparse,
        Gated,
        Pursued,
        Dictionary,
    ]
    for kind in known:
        if _name(kind) == name:
            return kind
        known += kind.__subclasses__()
    raise SparksError(f"there is no dictionary {name}: import the module that defines it first")


def pooled_crops(layer: Layer, crops: Crops, images: Tensor) -> Tensor:
    """Return mean activations (M, p) of crops of images (N, C, H, W), cut in batches."""
    return torch.cat([layer.pooled(part) for part in crops.batches(images)])


def top_crops(codes: Tensor, sample_index: Tensor, count: int) -> Tensor:
    """Return the crops with the largest codes, at most one an image, largest first: int64 (count,).

    Args:
        codes: of one concept, (M,).
        sample_index: image of each crop, (M,).
        count: crops, at most.
    """
    seen: set[int] = set()
    chosen = []
    for crop in codes.argsort(descending=True, stable=True).tolist():
        image = int(sample_index[crop])
        if image not in seen:
            seen.add(image)
            chosen.append(crop)
        if len(chosen) == count:
            break
    return torch.tensor(chosen, dtype=torch.int64)
