"""Base class of black-box methods: a method is a design of masks and an estimator, nothing more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from sparks.checks import one_of, whole
from sparks.engine.core import Engine
from sparks.engine.inference import OUTPUTS, Model, check_inputs
from sparks.engine.maskers import RESIZES, Features, cells_of
from sparks.engine.outputs import classes_of
from sparks.engine.perturbations import Baseline
from sparks.engine.segments import FeaturesOfImages
from sparks.errors import SparksError
from sparks.protocols import Masker, Masks, Perturbation


@dataclass(frozen=True, kw_only=True)
class BlackBox:
    """Settings of every black-box method, and the loop over inputs that share their features.

    Attributes:
        grid: cells a side of an image; vectors have one feature a coordinate instead.
        features: of images, instead of the grid: superpixels, a mask of one's own or overlapping
            windows, see `sparks.engine.segments`. Vectors keep their coordinates.
        perturbation: what removing a feature means; black by default.
        output: score to explain, "logit" or "probability".
        engine: how masked inputs are scored.
        seed: of the design, which is the same for every input.
    """

    grid: int = 8
    features: FeaturesOfImages | None = None
    perturbation: Perturbation = field(default_factory=Baseline)
    output: str = "logit"
    engine: Engine = field(default_factory=Engine)
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "grid")
        whole(self, 0, "seed")
        one_of(self, OUTPUTS, "output")
        if self.features is not None and not callable(self.features):
            raise SparksError(
                f"{type(self).__name__}: features={self.features!r} is not one of "
                "sparks.engine.segments (Superpixels, FeatureMask, Windows), nor None"
            )

    def __call__(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        """Return maps (N, H, W), or (N, d) for vectors, that explain the classes `target` (N,)."""
        classes = classes_of(target, len(x))
        maps = [
            self._explain(model, x[part], None if classes is None else classes[part], features)
            for part, features in self.maskers(x)
        ]
        return torch.cat(maps) if maps else x.new_zeros(0, *x.shape[2:])

    def maskers(self, x: Tensor) -> list[tuple[slice, Any]]:
        """Say what the features of inputs x (N, ...) are: parts that share them, and their masker.

        Raises:
            SparksError: when the grid, or the features of one's own, do not fit the inputs.
        """
        if self.features is None or x.ndim != 4:
            return [(slice(None), self._grid(x))]
        parts: list[tuple[slice, Any]] = []
        for i, features in enumerate(self.features(x)):
            if parts and parts[-1][1] is features:
                parts[-1] = (slice(parts[-1][0].start, i + 1), features)
            else:
                parts.append((slice(i, i + 1), features))
        return parts

    def _grid(self, x: Tensor) -> Masker:
        """Return the masker of inputs whose features are cells, or coordinates."""
        return cells_of(x, self.grid)

    def _explain(self, model: Model, x: Tensor, target: Tensor | None, features: Any) -> Tensor:
        """Return maps, as a call does, of inputs that share their features."""
        raise NotImplementedError

    def check(self, model: Model, x: Tensor) -> None:
        """Refuse what a call would refuse of inputs like x (N, ...), without asking the model.

        Raises:
            SparksError: when x is no input of the model, or the grid does not fit it.
        """
        check_inputs(model, x)
        self.maskers(x)

    def within(self, forwards: int, side: int) -> Self:
        """Return the method with settings that explain an image in at most `forwards` passes.

        Args:
            forwards: the budget for one image.
            side: of the image in pixels, which no grid can exceed.

        Raises:
            SparksError: for a method that has no such rule.
        """
        raise no_budget(self)

    def score(
        self, model: Model, x: Tensor, target: Tensor | None, design: Masks, masker: Masker
    ) -> Tensor:
        """Return the scores (N, n) of the masked inputs."""
        return self.engine.score(model, x, target, design, masker, self.perturbation, self.output)


@dataclass(frozen=True, kw_only=True)
class FeatureWise(BlackBox):
    """A black-box method whose estimates are one number for each feature.

    Attributes:
        resize: how values of cells become a map, see `Grid`: a square a cell unless named
            otherwise.
    """

    resize: str = "nearest"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, RESIZES, "resize")

    def _grid(self, x: Tensor) -> Features:
        return cells_of(x, self.grid, resize=self.resize)


def refuse_tied(name: str, masks: Tensor) -> None:
    """Refuse random masks (n, d) that cannot tell features apart.

    A feature that no mask removes, or none keeps, gets a value without having been tried; two that
    are always removed together, or one whenever the other is kept, get each other's.
    """
    n, d = masks.shape
    signs = 2 * (masks > 0.5).to(torch.int8) - 1
    steady = (signs == signs[0]).all(0)
    patterns = torch.unique(signs * signs[:1], dim=1).shape[1]
    if bool(steady.any()) or patterns < d:
        why = "never vary" if bool(steady.any()) else "always vary together"
        raise SparksError(
            f"{name}: {n} masks are too few for {d} features, some of which {why}: take more"
        )


def no_budget(method: object) -> SparksError:
    """Return the error of a method that cannot be fitted into a budget of forward passes."""
    return SparksError(
        f"{type(method).__name__} has no rule for a budget of forward passes: "
        "give it a method `within(forwards, side)`, or leave it out"
    )
