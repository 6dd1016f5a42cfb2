"""Effect on a class's logit of covering the image regions that show a concept.

A concept's importance is computed from the network's activations. This is a test of it in the image
itself: the cells of the image where the concept is present are covered (blurred, or painted in the
image's mean colour), and, as a control, areas of the same size and shape elsewhere in the same
image. Differences are paired image by image, so that neither a large area nor an image with a high
logit explains them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sparks.checks import between, whole
from sparks.engine.core import Engine
from sparks.engine.inference import Model
from sparks.engine.maskers import Grid
from sparks.engine.perturbations import Baseline
from sparks.engine.seeds import generators
from sparks.errors import SparksError
from sparks.protocols import Perturbation
from sparks.stats import Bootstrap

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Covered:
    """Changes of the logit, after less before, of the n images that show a concept.

    Attributes:
        index: which of the images these are, int64 (n,).
        area: share of the image that is covered, (n,).
        own: change when the cells that show the concept are covered, cover → (n,).
        elsewhere: mean change over areas of the same size and shape elsewhere, cover → (n,).
    """

    index: Tensor
    area: Tensor
    own: Mapping[str, Tensor]
    elsewhere: Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Covering:
    """Settings of the covering experiment.

    Attributes:
        covers: name → what takes the place of covered cells.
        quantile: a cell shows a concept where its coefficient is above this quantile of those of
            the class's training images.
        cells: an image shows a concept where at least so many of its cells do.
        most: share of an image above which nothing is left to compare with, so that it is left out.
        controls: areas elsewhere in each image.
        engine: scores covered images.
        seed: of the control areas.
    """

    covers: Mapping[str, Perturbation] = field(
        default_factory=lambda: {"mean colour": Baseline("mean")}
    )
    quantile: float = 0.9
    cells: int = 2
    most: float = 0.5
    controls: int = 8
    engine: Engine = field(default_factory=Engine)
    seed: int = 0

    def __post_init__(self) -> None:
        between(self, 0, 1, "quantile", "most")
        whole(self, 1, "cells", "controls")
        whole(self, 0, "seed")
        if not self.covers:
            raise SparksError("Covering: covers={} names nothing to cover cells with: give one")

    def threshold(self, maps: Tensor) -> float:
        """Return the coefficient above which a cell shows a concept.

        Args:
            maps: of the concept in the class's training images, (N, h, w).
        """
        return float(maps.flatten().quantile(self.quantile))

    def __call__(
        self, model: Model, x: Tensor, target: int, maps: Tensor, threshold: float
    ) -> Covered:
        """Measure the effect of covering one concept.

        Args:
            model: images → logits.
            x: images (N, C, H, W).
            target: the class whose logit is measured.
            maps: coefficients of the concept on the grid of the layer's places, (N, h, w).
            threshold: coefficient above which a cell shows the concept.
        """
        cells = maps[0].numel()
        shown = maps > threshold
        count = shown.flatten(1).sum(1)
        index = ((count >= self.cells) & (count <= self.most * cells)).nonzero()[:, 0]
        if not len(index):
            nothing = dict.fromkeys(self.covers, torch.zeros(0))
            return Covered(index, torch.zeros(0), nothing, nothing)
        visible = torch.stack([self._visible(shown[i], x[i]) for i in index.tolist()])
        grid = Grid((maps.shape[1], maps.shape[2]), (x.shape[2], x.shape[3]))
        own, elsewhere = {}, {}
        for name, cover in self.covers.items():
            goals = torch.full((len(index),), target, dtype=torch.int64)
            scores = self.engine.score(model, x[index], goals, visible, grid, cover).cpu()
            change = scores[:, 1:] - scores[:, :1]
            own[name], elsewhere[name] = change[:, 0], change[:, 1:].mean(1)
        return Covered(index, count[index] / cells, own, elsewhere)

    def covered(self, x: Tensor, maps: Tensor, threshold: float, cover: str) -> Tensor:
        """Return images (N, C, H, W) with the cells covered that show the concept."""
        grid = Grid((maps.shape[1], maps.shape[2]), (x.shape[2], x.shape[3]))
        visible = grid.expand((maps <= threshold).flatten(1).float())
        method = self.covers[cover]
        return method(x, method.baseline(x), torch.arange(len(x)), visible)

    def _visible(self, shown: Tensor, image: Tensor) -> Tensor:
        """Return which cells stay visible, bool (2 + controls, h w).

        All of them; all but the concept's; and all but those of each control, which is the
        concept's area moved to another place, around the edges of the grid.
        """
        width = shown.shape[1]
        (generator,) = generators(image[None], self.seed)
        moves = 1 + torch.randperm(shown.numel() - 1, generator=generator)[: self.controls]
        moved = [shown.roll((m // width, m % width), (0, 1)) for m in moves.tolist()]
        return ~torch.stack([torch.zeros_like(shown), shown, *moved]).flatten(1)


def summary(rows: pd.DataFrame, bootstrap: Bootstrap) -> pd.DataFrame:
    """Sum the changes up over images: one row a class, concept and cover.

    Args:
        rows: results of one model: metrics "Covered", "CoveredElsewhere" and "CoveredArea".
        bootstrap: of the means, over images.

    Returns:
        Columns class, concept, cover, images, area; and change, elsewhere and difference (paired),
        each with its interval in columns that end in _low and _high.
    """
    import pandas as pd

    effects = []
    known = rows[rows["cover"] != ""]
    for (name, _, cover), one in known.groupby(["class_name", "concept", "cover"], sort=False):
        wide = one.pivot_table(index="image", columns="metric", values="value")
        own, elsewhere = wide["Covered"], wide["CoveredElsewhere"]
        means = {
            "change": bootstrap.mean(own),
            "elsewhere": bootstrap.mean(elsewhere),
            "difference": bootstrap.difference(own, elsewhere),
        }
        number = int(one["concept"].iloc[0]) + 1  # as people count
        row = {"class": name, "concept": number, "cover": cover, "images": len(wide)}
        row["area"] = float(wide["CoveredArea"].mean())
        for key, interval in means.items():
            row |= {key: interval.mean, f"{key}_low": interval.low, f"{key}_high": interval.high}
        effects.append(row)
    return pd.DataFrame(effects)
