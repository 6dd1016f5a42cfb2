"""Perceptual similarity of image regions by deep features, in the form of LPIPS.

LPIPS (Zhang et al., CVPR 2018) scales the features of an image network to unit length over
channels, place by place, and sums their squared distances over layers. Its networks and its fitted
weights of channels are not installed; here are EfficientNet-Lite0 and weights that are all alike,
which that paper reports to come close. How colin2022utility cut its regions is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, normalize

from sparks.checks import between, whole
from sparks.errors import SparksError
from sparks.models import efficientnet_lite

MEAN, STD = 127 / 255, 128 / 255  # of the network's inputs, as published


@dataclass(frozen=True)
class PerceptualSimilarity:
    """Compare the regions that maps mark in images of one output with those of the other.

    The region of an image is the square with the largest sum of its map; values below zero count
    as zero. The similarity of two regions is the cosine of their features over channels, averaged
    over places, then over the network's five resolutions: 1 - LPIPS, but for its weights.

    Attributes:
        side: of a region, in sides of the image.
        pixels: side to which regions are scaled.
    """

    side: float = 0.5
    pixels: int = 64

    def __post_init__(self) -> None:
        between(self, 0, 1, "side")
        whole(self, 32, "pixels")

    def __call__(self, images: Tensor, maps: Tensor, outputs: Tensor) -> Tensor:
        """Return the mean similarity over all pairs of regions with different outputs.

        Args:
            images: (N, C, H, W) in [0, 1], of one or three channels.
            maps: (N, H, W).
            outputs: 0 or 1, (N,).

        Returns:
            float64 (1,), in [-1, 1]; NaN where all outputs are the same.
        """
        regions = self.regions(images, maps)
        sides = [regions[outputs == output] for output in (0, 1)]
        if not all(map(len, sides)):
            return torch.tensor([torch.nan], dtype=torch.float64)
        return self.similarities(*sides).double().mean().reshape(1)

    def regions(self, images: Tensor, maps: Tensor) -> Tensor:
        """Cut the region that each map marks, (N, 3, pixels, pixels)."""
        if images.shape[1] not in (1, 3):
            raise SparksError(
                f"perceptual similarity: images have {images.shape[1]} channels: 1 or 3 are needed"
            )
        size = max(1, round(self.side * min(images.shape[2:])))
        heat = avg_pool2d(maps.float().clamp(min=0)[:, None], size, stride=1)
        places = heat.flatten(1).argmax(1).tolist()
        cut = []
        for image, place in zip(images.float(), places, strict=True):
            top, left = divmod(place, heat.shape[-1])
            cut.append(image[:, top : top + size, left : left + size])
        whole_size = interpolate(
            torch.stack(cut), size=(self.pixels, self.pixels), mode="bilinear", antialias=True
        )
        return whole_size.expand(-1, 3, -1, -1)

    def similarities(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the similarity of each of M regions with each of N: (M, N), in [-1, 1]."""
        pairs = zip(self._features(first), self._features(second), strict=True)
        alike = [a.flatten(1) @ b.flatten(1).T / a[0, 0].numel() for a, b in pairs]
        return torch.stack(alike).mean(0)

    @torch.no_grad()
    def _features(self, regions: Tensor) -> list[Tensor]:
        """Return the last features of each resolution, of unit length over channels."""
        first, *layers = self._network
        levels, x = [], first((regions - MEAN) / STD)
        for layer in layers:
            finer, x = x, layer(x)
            if x.shape[-1] < finer.shape[-1]:
                levels.append(finer)
        return [normalize(level, dim=1) for level in [*levels, x]]

    @cached_property
    def _network(self) -> nn.Sequential:
        features = efficientnet_lite(0, size=self.pixels).features
        assert isinstance(features, nn.Sequential)
        return features
