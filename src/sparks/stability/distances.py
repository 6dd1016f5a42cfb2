"""Distance between two attribution maps: six definitions, batched over images.

Maps are compared by the size of their values. For Spearman that is 1 - |ρ| of the raw values, as
in the paper; the others scale each map first, |map| / max |map|, since methods and networks give
values of any scale (the paper does not say how it scaled them).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sparks import stats
from sparks.errors import SparksError
from sparks.stats import constant_rows

# Directions onto which maps are projected for the Wasserstein distance.
DIRECTIONS = 16
# SSIM (Wang et al. 2004): side of its window, and its constants for values in [0, 1].
WINDOW, C1, C2 = 7, 0.01**2, 0.03**2


def spearman(a: Tensor, b: Tensor) -> Tensor:
    """Return 1 - |Spearman rank correlation| of the flattened maps; NaN for a constant map.

    Args:
        a: (N, H, W).
        b: (N, H, W).

    Returns:
        float64 (N,), in [0, 1].
    """
    return 1 - stats.spearman(a.flatten(1), b.flatten(1)).abs()


def wasserstein(a: Tensor, b: Tensor) -> Tensor:
    """Return the 1-Wasserstein distance of the maps as masses on the image, in sides of the image.

    Sliced (Bonneel et al. 2015): the mean over directions of the distance of the projections, times
    π/2, so that moving a map by v costs |v|. NaN where a map is zero everywhere.
    """
    h, w = a.shape[1:]
    rows, columns = torch.meshgrid(
        torch.arange(h, dtype=torch.float64), torch.arange(w, dtype=torch.float64), indexing="ij"
    )
    masses = [m.flatten(1).abs().double() for m in (a, b)]
    gap = masses[0] / masses[0].sum(1, keepdim=True) - masses[1] / masses[1].sum(1, keepdim=True)
    total = torch.zeros(len(a), dtype=torch.float64)
    for step in range(DIRECTIONS):
        angle = math.pi * step / DIRECTIONS
        places = (math.cos(angle) * columns + math.sin(angle) * rows).flatten()
        places, order = places.sort(stable=True)
        moved = gap[:, order].cumsum(1)[:, :-1].abs()
        total += (moved * places.diff()).sum(1)
    return total / DIRECTIONS * (math.pi / 2) / max(h, w)


def dice(a: Tensor, b: Tensor) -> Tensor:
    """Return 1 - Dice coefficient, in the form for values in [0, 1]: 2 Σab / (Σa² + Σb²).

    That form (Milletari et al. 2016) needs no threshold. NaN where both maps are zero everywhere.
    """
    a, b = _scaled(a).flatten(1), _scaled(b).flatten(1)
    both = a.square().sum(1) + b.square().sum(1)
    value: Tensor = 1 - 2 * (a * b).sum(1) / both
    return value


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Return 1 - structural similarity (Wang et al. 2004), mean over windows inside the image."""
    size = min(WINDOW, *a.shape[1:])
    size -= 1 - size % 2
    a, b = _scaled(a)[:, None], _scaled(b)[:, None]

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values, size, stride=1)

    unbiased = size**2 / max(size**2 - 1, 1)
    mean_a, mean_b = mean(a), mean(b)
    var_a = unbiased * (mean(a * a) - mean_a**2)
    var_b = unbiased * (mean(b * b) - mean_b**2)
    cov = unbiased * (mean(a * b) - mean_a * mean_b)
    likeness = (2 * mean_a * mean_b + C1) * (2 * cov + C2)
    likeness = likeness / ((mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2))
    value: Tensor = 1 - likeness.mean((1, 2, 3))
    return value


def l1(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean over pixels of the absolute difference, in [0, 1]."""
    return (_scaled(a) - _scaled(b)).abs().mean((1, 2))


def l2(a: Tensor, b: Tensor) -> Tensor:
    """Return the root of the mean over pixels of the squared difference, in [0, 1]."""
    return (_scaled(a) - _scaled(b)).square().mean((1, 2)).sqrt()


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "spearman": spearman,
    "wasserstein": wasserstein,
    "dice": dice,
    "ssim": ssim,
    "l1": l1,
    "l2": l2,
}


@dataclass(frozen=True)
class Distances:
    """All six distances between maps, and their values where they do not exist.

    They are "spearman", "wasserstein", "dice", "ssim", "l1" and "l2": see the functions of these
    names in `sparks.stability.distances`.

    Attributes:
        constant: distance of a pair in which a map is constant (it says nothing), where the
            distance does not exist then; None to leave the pair out and count it as such.
        nan: distance of a pair in which a map holds NaN or infinite values; None to leave it out.

    Raises:
        SparksError: when a setting is negative or infinite.

    Example:
        A spot that moves by half the image: the maps have nothing in common, and are 1/2 apart.

        >>> here, there = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
        >>> here[0, 4, 2] = there[0, 4, 6] = 1
        >>> found = Distances()(here, there)
        >>> list(found)
        ['spearman', 'wasserstein', 'dice', 'ssim', 'l1', 'l2', 'flag']
        >>> found["dice"], found["wasserstein"].round(decimals=1)
        (tensor([1.], dtype=torch.float64), tensor([0.5000], dtype=torch.float64))
    """

    constant: float | None = None
    nan: float | None = None

    def __post_init__(self) -> None:
        for key in ("constant", "nan"):
            value = getattr(self, key)
            if value is not None and not 0 <= value < math.inf:
                raise SparksError(f"the distance of {key} maps is {value}: it must be 0 or more")

    def __call__(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        """Compare maps a and b, (N, H, W) each.

        Returns:
            Name of the distance → float64 (N,), NaN where a pair is left out; and "flag", int64
            (N,): 1 where a map is constant, 2 where one holds NaN or infinite values, else 0.

        Raises:
            SparksError: when the maps have different shapes.
        """
        if a.shape != b.shape or a.ndim != 3:
            raise SparksError(f"maps {tuple(a.shape)} and {tuple(b.shape)} cannot be compared")
        a, b = a.detach().double().cpu(), b.detach().double().cpu()
        broken = ~(a.flatten(1).isfinite().all(1) & b.flatten(1).isfinite().all(1))
        a, b = (torch.where(broken[:, None, None], 0, m) for m in (a, b))
        flat = (constant_rows(a) | constant_rows(b)) & ~broken
        values: dict[str, Tensor] = {}
        for name, distance in DISTANCES.items():
            value = distance(a, b)
            value = torch.where(flat & value.isnan(), _or_nan(self.constant), value)
            values[name] = torch.where(broken, _or_nan(self.nan), value)
        return {**values, "flag": flat.long() + 2 * broken.long()}


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _scaled(maps: Tensor) -> Tensor:
    """Return |map| / max |map|, (N, H, W) in [0, 1]; a map that is zero everywhere stays so."""
    size = maps.abs()
    largest = size.amax((1, 2), keepdim=True)
    return size / torch.where(largest > 0, largest, 1)
