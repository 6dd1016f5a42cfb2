"""Decorrelated colours, fitted to the pixels of a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

# Directions of colour with less than this share of the largest variance count as absent.
RANK = 1e-8
# Mean colours are kept this far from black and white, where the sigmoid has no slope.
MARGIN = 0.02


@dataclass(frozen=True, eq=False)
class Colours:
    """Mean μ and covariance Σ of the colours of pixels in [0, 1].

    Images x have decorrelated colours z = Σ^-½ (x - μ): identity covariance over all pixels.

    Attributes:
        mean: μ, (C,).
        covariance: Σ, (C, C).
    """

    mean: Tensor
    covariance: Tensor

    @cached_property
    def mixing(self) -> Tensor:
        """Σ^½, symmetric: decorrelated colours → colours."""
        return _power(self.covariance, 0.5)

    @cached_property
    def whitening(self) -> Tensor:
        """Σ^-½ (of the pseudo-inverse, where colours lie in a plane): its inverse."""
        return _power(self.covariance, -0.5)

    def decorrelate(self, images: Tensor) -> Tensor:
        """Decorrelate the colours of images (N, C, H, W)."""
        return _mixed(self.whitening, images - self.mean.to(images)[:, None, None])

    def squash(self, z: Tensor) -> Tensor:
        """Return images in (0, 1) of decorrelated colours (N, C, H, W), through a sigmoid.

        To first order it is μ + Σ^½ z: the sigmoid has value μ and slope 1 at z = 0.
        """
        return self.squashing(z)(z)

    def squashing(self, like: Tensor) -> Callable[[Tensor], Tensor]:
        """Return `squash` as a function, with constants of the type and on the device of `like`."""
        mean = self.mean.to(like).clamp(MARGIN, 1 - MARGIN)[:, None]
        slope, level = self.mixing.to(like) / (mean * (1 - mean)), mean.logit()

        def squash(z: Tensor) -> Tensor:
            scaled = slope.to(z).expand(len(z), -1, -1)
            mixed = torch.baddbmm(level.to(z), scaled, z.flatten(2))
            return mixed.sigmoid().view_as(z)

        return squash

    def unsquash(self, images: Tensor) -> Tensor:
        """Return the decorrelated colours (N, C, H, W) that `squash` makes these images of."""
        tiny = torch.finfo(torch.float32).eps
        mean = self.mean.to(images).clamp(MARGIN, 1 - MARGIN)[:, None, None]
        inner = images.clamp(tiny, 1 - tiny).logit() - mean.logit()
        return _mixed(self.whitening, inner * mean * (1 - mean))


def _mixed(matrix: Tensor, images: Tensor) -> Tensor:
    return (matrix.to(images) @ images.flatten(2)).view_as(images)


def _power(covariance: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance.double())
    present = values > RANK * values.max()
    powers = torch.where(present, values.clamp(min=1e-300) ** exponent, 0)
    root: Tensor = (vectors * powers) @ vectors.T
    return root.to(covariance)
