"""An engine that costs nothing, to try methods and metrics with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sparks.engine import Engine, FixedMasks
from sparks.errors import SparksError
from sparks.protocols import Masker, Masks


class MadeUp(Engine):
    """An engine that makes scores up, after a look at the masks."""

    def score(
        self,
        model: Any,
        x: Tensor,
        target: Tensor | None,
        design: Masks,
        masker: Masker,
        perturbation: Any = None,
        output: str = "logit",
    ) -> Tensor:
        """Random scores (N, n), the same every time; see `Engine.score`."""
        masks = FixedMasks(design) if isinstance(design, Tensor) else design
        if masks.d != masker.d:
            raise SparksError(f"the design has {masks.d} features, the inputs have {masker.d}")
        first = torch.zeros(1, dtype=torch.int64)
        masker.expand(masks.masks(first, first))
        return torch.rand(len(x), masks.n, generator=torch.Generator().manual_seed(0))
