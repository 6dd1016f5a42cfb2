"""Backward passes with another rule at each ReLU."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sparks.attribution.gradient import in_batches, reduce_channels
from sparks.engine.running import Model
from sparks.errors import SparksError


@dataclass(frozen=True)
class RectifiedBackward:
    """A backward pass with another rule at every nn.ReLU of the model."""

    channels: str = "max-abs"
    batch_size: int = 64

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Maps; see the package."""
        relus = relus_of(model)
        if not relus:
            raise SparksError(
                f"{type(self).__name__} changes the backward pass of nn.ReLU modules, and the "
                "model has none: use Saliency, or write its activations as nn.ReLU modules"
            )
        in_place = [relu.inplace for relu in relus]
        try:
            for relu in relus:  # backward hooks cannot follow in-place changes
                relu.inplace = False
            explain = self._method(model).attribute
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Setting backward hooks on ReLU")
                values = in_batches(model, x, target, self.batch_size, explain)
        finally:
            for relu, was in zip(relus, in_place, strict=True):
                relu.inplace = was
        return reduce_channels(values, self.channels)

    def _method(self, model: Model) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class GuidedBackprop(RectifiedBackward):
    """Negative gradients stopped at each ReLU too (Springenberg et al. 2015)."""

    def _method(self, model: Model) -> Any:
        from captum.attr import GuidedBackprop as Method

        return Method(model)


@dataclass(frozen=True)
class DeconvNet(RectifiedBackward):
    """Negative gradients alone stopped at each ReLU (Zeiler & Fergus 2014)."""

    def _method(self, model: Model) -> Any:
        from captum.attr import Deconvolution as Method

        return Method(model)


def relus_of(model: Model) -> list[nn.ReLU]:
    """Modules whose backward pass these methods change."""
    modules = model.modules() if isinstance(model, nn.Module) else ()
    return [module for module in modules if isinstance(module, nn.ReLU)]
