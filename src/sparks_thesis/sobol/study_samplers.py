"""Total Sobol indices of images by every sequence and estimator, against a large reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sparks.attribution.sobol import Sobol
from sparks.checks import whole
from sparks.progress import progress
from sparks.results import MetricRecorder
from sparks.sensitivity.accuracy import SAMPLERS
from sparks.sensitivity.estimators import ESTIMATORS, indices
from sparks.stats import spearman
from sparks_thesis.sobol.claims_samplers import SHUFFLED

JANSEN = "jansen"


@dataclass(frozen=True, kw_only=True)
class SamplersStudy:
    """Settings of the study.

    Attributes:
        method: Sobol, with all its other settings.
        points: N of the designs.
        reference: N of the design that they are compared with.
        images: the first of those that are explained.
        seed: of the first design.
    """

    method: Sobol
    points: Sequence[int]
    reference: int
    images: int
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "reference", "images")
        whole(self, 0, "seed")

    def run(self, model: nn.Module, x: Tensor, target: Tensor) -> MetricRecorder:
        """Measure agreement with the reference, and with the default sampler, of every image.

        Args:
            model: in evaluation mode.
            x: images (N, C, H, W) in [0, 1].
            target: class explained of each, int64 (N,).

        Returns:
            The numbers; `method` is the sequence.
        """
        other = len(x)  # seeds that no image has
        reference = self.totals(model, x, target, self.reference, shift=2 * other)[JANSEN]
        designs = [(s.label, 0, {"sequence": s.sequence, "scramble": s.scramble}) for s in SAMPLERS]
        # The default once more: how well can any two designs of this size agree?
        designs.insert(1, (f"{designs[0][0]}, another seed", other, designs[0][2]))
        recorder = MetricRecorder()
        for points in progress(self.points, unit="size", description="designs"):
            default: dict[str, Tensor] = {}
            for label, shift, how in designs:
                scores = self._scores(model, x, target, points, shift, **how)
                found = _totals(scores, points)
                if not default:
                    default, known = found, scores
                for estimator, total in found.items():
                    values = {
                        "ReferenceSpearman": spearman(total, reference),
                        "DefaultSpearman": spearman(total, default[JANSEN]),
                        "RelativeError": (total - reference).abs().mean(1) / reference.mean(1),
                    }
                    recorder.add_images(values, method=label, estimator=estimator, points=points)
            generator = torch.Generator().manual_seed(self.seed)
            order = torch.randperm(known.shape[1], generator=generator)
            values = {
                "DefaultSpearman": spearman(indices(known[:, order], points), default[JANSEN])
            }
            recorder.add_images(values, method=SHUFFLED, estimator=JANSEN, points=points)
        return recorder

    def totals(
        self, model: nn.Module, x: Tensor, target: Tensor, points: int, shift: int, **how: Any
    ) -> dict[str, Tensor]:
        """Return the total indices (N, d) by estimator, from a design of its own for each image.

        Args:
            model: in evaluation mode.
            x: images (N, C, H, W).
            target: class explained of each.
            points: N of the designs.
            shift: added to the seeds.
            how: other settings of Sobol.
        """
        return _totals(self._scores(model, x, target, points, shift, **how), points)

    def _scores(
        self, model: nn.Module, x: Tensor, target: Tensor, points: int, shift: int, **how: Any
    ) -> Tensor:
        """Return the scores of the rows of each image's design, (N, rows)."""
        scores = []
        for image in range(len(x)):
            seed = self.seed + shift + image
            drawn = replace(self.method, points=points, seed=seed, **how)
            one = slice(image, image + 1)
            scores.append(drawn.evaluate(model, x[one], target[one]).scores)
        return torch.cat(scores)


def _totals(scores: Tensor, points: int) -> dict[str, Tensor]:
    return {name: indices(scores, points, "total", name) for name in ESTIMATORS}
