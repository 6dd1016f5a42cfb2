"""Any attribution method of Captum, named in a YAML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sparks.attribution.cam import find_layer
from sparks.attribution.gradient import in_batches, reduce_channels
from sparks.engine.running import Model
from sparks.errors import SparksError


@dataclass(frozen=True)
class Captum:
    """An adapter: `Captum(method="captum.attr.DeepLift", options={"baselines": 0.0})`.

    Attributes:
        method: path of the class.
        init: arguments of its constructor, after the model (and the layer).
        options: arguments of `attribute`, after the inputs and the target.
        layer: name of the layer, for Captum's layer methods; their maps are upsampled bilinearly.
        channels: how channels are reduced, see `sparks.attribution.gradient`.
        batch_size: inputs per call. Some methods stack many copies of them; they have their own
            bounds (`internal_batch_size`, `perturbations_per_eval`), which belong in `options`.
        seed: Captum draws from the global generator; it is seeded for the call and put back.
    """

    method: str
    init: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    layer: str | None = None
    channels: str = "sum"
    batch_size: int = 64
    seed: int = 0

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Maps; see the package."""
        layer = [] if self.layer is None else [find_layer(model, self.layer)]
        method = self._class()(model, *layer, **_plain(self.init))
        explain = partial(self._explain, method, _plain(self.options))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            values = in_batches(model, x, target, self.batch_size, explain)
        return reduce_channels(values, self.channels)

    def _explain(self, method: Any, options: dict[str, Any], x: Tensor, target: Tensor) -> Tensor:
        values: Tensor = method.attribute(x, target=target, **options)
        if values.ndim == 4 and values.shape[2:] != x.shape[2:]:
            return functional.interpolate(values.detach(), x.shape[2:], mode="bilinear")
        return values

    def _class(self) -> Any:
        module, _, name = self.method.rpartition(".")
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise SparksError(
                f"{self.method!r} is not a class that can be imported ({error}): "
                "give its full path, such as captum.attr.DeepLift"
            ) from error


def _plain(value: Any) -> Any:
    """Configuration containers as the dicts and tuples that Captum expects."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_plain(item) for item in value)
    return value
