"""Scores of the maps of many images, slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparks.data.imageset import ImageSet
from sparks.protocols import AttributionMethod, Explanation, Metric
from sparks_thesis.common.counting import counting_from

# Images and maps in memory at a time. Fixed: float sums depend on it.
SLICE = 128


@dataclass(frozen=True, kw_only=True)
class Family:
    """Metrics that are computed together.

    Attributes:
        metrics: name → metric.
        images: the first ones that are scored; None for all.
        needs_model: whether the metrics ask the model.
        needs_truth: whether they need the pixels that matter.
        needs_method: whether they explain again.
    """

    metrics: Mapping[str, Metric]
    images: int | None
    needs_model: bool
    needs_truth: bool
    needs_method: bool

    def score(
        self,
        images: ImageSet,
        maps: Callable[..., Mapping[str, Tensor]],
        model: nn.Module | None,
        method: AttributionMethod,
        path: str = "",
    ) -> dict[str, Tensor]:
        """Score the maps of the first images.

        Args:
            images: that were explained, one or more.
            maps: called with a slice as `rows`, gives "maps" (B, H, W) and "target" (B,) of these
                images.
            model: in evaluation mode; may be None where the metrics do not need it.
            method: that made the maps.
            path: of the images, for errors.

        Returns:
            metric → (n,).

        Raises:
            SparksError: a metric's own, with the place of the image in its file.
        """
        n = min(len(images), self.images or len(images))
        scored: list[dict[str, Tensor]] = []
        for rows in (slice(start, min(n, start + SLICE)) for start in range(0, n, SLICE)):
            explanation = Explanation(
                model if self.needs_model else None,
                images.batch(rows),
                **maps(rows=rows),
                truth=images.subset(rows).diagnostic() if self.needs_truth else None,
                method=method if self.needs_method else None,
            )
            scored.append({})
            with counting_from(rows.start, path):
                for metric in self.metrics.values():
                    scored[-1] |= metric(explanation)
        return {name: torch.cat([part[name] for part in scored]) for name in scored[0]}
