"""One dictionary for several networks: does it explain each from the codes of another?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        self, layers: Sequence[Layer], fresh: Layer, train: Tensor, test: Tensor
    ) -> MetricRecorder:
        """Fit and judge the universal dictionary and what it is compared with.

        Args:
            layers: the same layer of trained networks, two or more.
            fresh: that layer of a network with new random weights.
            train: images that dictionaries are fitted on, (N, C, H, W).
            test: other images.

        Raises:
            SparksError: when there is one network only, or layers differ in their places.
        """
        train, test = train[: self.images], test[: self.images // 2]
        places = [layer.places for layer in (*layers, fresh)]
        if len(layers) < 2 or len(set(places)) > 1:
            raise SparksError(
                f"universal: {len(layers)} networks whose layers have {places[:-1]} places: give "
                "two networks or more whose layers have the same places (studies.universal)"
            )
        known, held = (
            [layer.at_places(x, self.places, self.seed) for layer in (*layers, fresh)]
            for x in (train, test)
        )
        recorder = MetricRecorder()
        fits = {"universal": known[:-1], "shuffled images": self._shuffled(known[:-1])}
        for name, a in progress(fits.items(), unit="fit", description="universal"):
            dictionaries = self.dictionary.fit(a)
            self._judge(dictionaries, held[:-1], name, recorder)
            codes = [d.encode(h) for d, h in zip(dictionaries, held[:-1], strict=True)]
            uses = {"FiringEntropy": firing_entropy(codes), "CoFiring": co_firing(codes)}
            recorder.add(uses, concept=range(self.dictionary.concepts), method=name)
        pair = self.dictionary.fit([known[0], known[-1]])
        self._judge(pair, [held[0], held[-1]], "untrained network", recorder)
        own = [self._own(a) for a in known[:-1]]
        within = [r_squared(h, d.decode(d.encode(h))) for h, d in zip(held, own, strict=False)]
        recorder.add({"R2Within": within}, repeat=range(len(within)), method="a dictionary each")
        across = [
            r_squared(held[m], _regression(known[i], known[m], held[i]))
            for i, m in _pairs(len(layers))
        ]
        recorder.add({"R2Across": across}, repeat=range(len(across)), method="linear regression")
        return recorder

    def _judge(
        self,
        dictionaries: Sequence[Dictionary],
        held: Sequence[Tensor],
        name: str,
        recorder: MetricRecorder,
    ) -> None:
        r2 = cross_reconstruction(dictionaries, held)
        across = torch.stack([r2[i, m] for i, m in _pairs(len(held))])
        recorder.add({"R2Within": r2.diagonal()}, repeat=range(len(held)), method=name)
        recorder.add({"R2Across": across}, repeat=range(len(across)), method=name)

    def _own(self, a: Tensor) -> Dictionary:
        """Return the autoencoder of one network, with the settings of the universal one."""
        one = self.dictionary
        shared = ("concepts", "active", "epochs", "patience", "tolerance", "halvings")
        settings = {name: getattr(one, name) for name in (*shared, "rate", "batch_size", "seed")}
        return SAE(kind="topk", **settings).fit(a)

    def _shuffled(self, a: Sequence[Tensor]) -> list[Tensor]:
        """Return activations of which those of all but the first network are of other images."""
        generator = torch.Generator().manual_seed(self.seed)
        return [a[0], *(one[torch.randperm(len(one), generator=generator)] for one in a[1:])]


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    """Yield the ordered pairs of different networks."""
    return ((i, m) for i in range(count) for m in range(count) if i != m)


def _regression(source: Tensor, target: Tensor, held: Tensor) -> Tensor:
    """Return the best affine guess of a network's activations from those of another."""
    fit: Tensor = torch.linalg.lstsq(_with_one(source), target.double(), driver="gelsd").solution
    return _with_one(held) @ fit


def _with_one(a: Tensor) -> Tensor:
    return torch.nn.functional.pad(a.double(), (0, 1), value=1.0)
