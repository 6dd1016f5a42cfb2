"""One dictionary for several networks: does it explain each from the codes of another?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.checks import whole
from sparks.concepts.dictionary import Dictionary
from sparks.concepts.layer import Layer
from sparks.concepts.metrics import r_squared
from sparks.concepts.sae import SAE
from sparks.concepts.universal import (
    UniversalSAE,
    co_firing,
    cross_reconstruction,
    firing_entropy,
)
from sparks.errors import SparksError
from sparks.progress import progress
from sparks.results import MetricRecorder
from sparks_thesis.beyond import UNTRAINED


@dataclass(frozen=True, kw_only=True)
class UniversalStudy:
    """Settings of the study.

    Attributes:
        dictionary: one for all networks.
        images: training images, and half as many test images.
        places: of each image, at random, the same in all networks.
        seed: of the draw of places, and of shuffled images.
    """

    dictionary: UniversalSAE
    images: int = 400
    places: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 2, "images")
        whole(self, 1, "places")
        whole(self, 0, "seed")

    def run(
        self, layers: Mapping[str, Layer], fresh: Layer, train: Tensor, test: Tensor
    ) -> MetricRecorder:
        """Fit and judge the universal dictionary and what it is compared with.

        Args:
            layers: name → a layer of a trained network, two or more, with the same places.
            fresh: that layer of the first network with new random weights.
            train: images that dictionaries are fitted on, (N, C, H, W).
            test: other images.

        Raises:
            SparksError: when there is one network only, or layers differ in their places.
        """
        train, test = train[: self.images], test[: self.images // 2]
        names, measured = list(layers), (*layers.values(), fresh)
        places = [layer.places for layer in measured]
        if len(layers) < 2 or len(set(places)) > 1:
            raise SparksError(
                f"universal: {len(layers)} networks whose layers have {places[:-1]} places: give "
                "two networks or more whose layers have the same places (studies.universal)"
            )
        known, held = (
            [layer.at_places(x, self.places, self.seed) for layer in measured]
            for x in (train, test)
        )
        recorder = MetricRecorder()
        fits = {"universal": known[:-1], "shuffled images": self._shuffled(known[:-1])}
        for name, a in progress(fits.items(), unit="fit", description="universal"):
            dictionaries = self.dictionary.fit(a)
            self._judge(dictionaries, held[:-1], names, name, recorder)
            codes = [d.encode(h) for d, h in zip(dictionaries, held[:-1], strict=True)]
            uses = {"FiringEntropy": firing_entropy(codes), "CoFiring": co_firing(codes)}
            recorder.add(uses, concept=range(self.dictionary.concepts), method=name)
        pair = self.dictionary.fit([known[0], known[-1]])
        self._judge(pair, [held[0], held[-1]], [names[0], UNTRAINED], "untrained network", recorder)
        own = [self._own(a) for a in known[:-1]]
        within = [r_squared(h, d.decode(d.encode(h))) for h, d in zip(held, own, strict=False)]
        _add(recorder, "R2Within", within, names, "a dictionary each")
        pairs = list(_pairs(len(layers)))
        across = [r_squared(held[m], _regression(known[i], known[m], held[i])) for i, m in pairs]
        _add(recorder, "R2Across", across, [names[m] for _, m in pairs], "linear regression")
        return recorder

    def _judge(
        self,
        dictionaries: Sequence[Dictionary],
        held: Sequence[Tensor],
        names: Sequence[str],
        condition: str,
        recorder: MetricRecorder,
    ) -> None:
        r2, pairs = cross_reconstruction(dictionaries, held), list(_pairs(len(held)))
        _add(recorder, "R2Within", r2.diagonal().tolist(), names, condition)
        across = [float(r2[i, m]) for i, m in pairs]
        _add(recorder, "R2Across", across, [names[m] for _, m in pairs], condition)

    def _own(self, a: Tensor) -> Dictionary:
        """Return the autoencoder of one network, with the settings of the universal one."""
        one = self.dictionary
        shared = ("concepts", "active", "epochs", "patience", "tolerance", "halvings", "rate")
        more = ("batch_size", "precision", "seed")
        settings = {name: getattr(one, name) for name in (*shared, *more)}
        return SAE(kind="topk", **settings).fit(a)

    def _shuffled(self, a: Sequence[Tensor]) -> list[Tensor]:
        """Return activations of which those of all but the first network are of other images."""
        generator = torch.Generator().manual_seed(self.seed)
        return [a[0], *(one[torch.randperm(len(one), generator=generator)] for one in a[1:])]


def _add(
    recorder: MetricRecorder,
    metric: str,
    values: Sequence[float],
    explained: Sequence[str],
    condition: str,
) -> None:
    """Record variances explained, each of the activations of a network."""
    known = {"evaluator": explained, "repeat": range(len(values)), "method": condition}
    recorder.add({metric: values}, **known)


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    """Yield the ordered pairs of different networks."""
    return ((i, m) for i in range(count) for m in range(count) if i != m)


def _regression(source: Tensor, target: Tensor, held: Tensor) -> Tensor:
    """Return the best affine guess of a network's activations from those of another."""
    fit: Tensor = torch.linalg.lstsq(_with_one(source), target.double(), driver="gelsd").solution
    return _with_one(held) @ fit


def _with_one(a: Tensor) -> Tensor:
    return torch.nn.functional.pad(a.double(), (0, 1), value=1.0)
