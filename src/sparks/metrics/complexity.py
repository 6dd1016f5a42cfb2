"""Complexity and sparseness: how much there is to see in a map."""

from __future__ import annotations

import io
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.checks import between, whole
from sparks.errors import SparksError
from sparks.metrics.maps import check_scored, has_nan, undefined_to_nan
from sparks.protocols import Explanation


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """Entropy and JPEG size of a map: lower is simpler.

    "Entropy": of |map| as a distribution over d features, in nats, 0 … log d (Bhatt et
    al. 2020). "JPEGSize" (images only): bytes of the map as a grey JPEG, scaled from its
    minimum to its maximum, less the bytes of a constant one.

    Attributes:
        quality: of the JPEG, 1 … 95.

    Example:
        >>> Complexity()(explanation)
        {'Entropy': tensor([0.6365])}
    """

    quality: int = 75

    def __post_init__(self) -> None:
        whole(self, 1, "quality")
        between(self, 1, 95, "quality", ends=True)

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return values per input; NaN where a map holds NaN, or (entropy) is zero everywhere."""
        check_scored(explanation)
        maps = explanation.maps.detach().cpu()
        broken = has_nan(maps)
        size = maps.flatten(1).double().abs()
        share = size / size.sum(1, keepdim=True)
        entropy = -torch.special.xlogy(share, share).sum(1).float()
        name, why = "Entropy", "their maps hold NaN or are zero everywhere"
        values = {name: undefined_to_nan(entropy, broken | (size.sum(1) == 0), name, why)}
        if maps.ndim == 3:
            sizes = torch.tensor(
                [0 if bad else self._jpeg(m) for m, bad in zip(maps, broken, strict=True)]
            )
            name = "JPEGSize"
            values[name] = undefined_to_nan(sizes.float(), broken, name, "their maps hold NaN")
        return values

    def _jpeg(self, one: Tensor) -> int:
        low, high = one.min(), one.max()
        scaled = (one - low) / (high - low) if high > low else torch.zeros_like(one)
        return self._bytes(scaled) - self._bytes(torch.zeros_like(one))

    def _bytes(self, grey: Tensor) -> int:
        from PIL import Image

        buffer = io.BytesIO()
        pixels = (grey * 255).round().to(torch.uint8).numpy()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=self.quality)
        return len(buffer.getvalue())


@dataclass(frozen=True, kw_only=True)
class Sparseness:
    """Sparseness of the importance |map|: 0 where all features are equal, near 1 for a single one.

    "Gini" (Chalasani et al. 2020) is at most 1 - 1/d, "Hoyer" is
    (√d - ‖a‖₁ / ‖a‖₂) / (√d - 1) (Hoyer 2004).

    Example:
        >>> Sparseness()(explanation)
        {'Gini': tensor([0.4444]), 'Hoyer': tensor([0.5333])}
    """

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return the values per input; NaN where a map holds NaN or is zero everywhere."""
        check_scored(explanation)
        maps = explanation.maps.detach().cpu()
        size = maps.flatten(1).double().abs().sort(1).values
        d = size.shape[1]
        if d < 2:
            raise SparksError("sparseness needs at least two features")
        total = size.sum(1)
        rank = torch.arange(1, d + 1).double()
        gini = ((2 * rank - d - 1) * size).sum(1) / (d * total)
        hoyer = (d**0.5 - total / size.norm(dim=1)) / (d**0.5 - 1)
        undefined = has_nan(maps) | (total == 0)
        why = "their maps hold NaN or are zero everywhere"
        named = {"Gini": gini, "Hoyer": hoyer}
        return {k: undefined_to_nan(v.float(), undefined, k, why) for k, v in named.items()}
