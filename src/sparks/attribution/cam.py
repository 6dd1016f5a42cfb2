"""Class activation maps: weighted sums of the feature maps of one layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sparks.attribution.gradient import in_batches, slopes
from sparks.checks import whole
from sparks.engine.inference import Logits, Model, device_of, evaluating, select_output
from sparks.errors import SparksError
from sparks.models.anatomy import map_layers, named
from sparks.models.device import to_device
from sparks.models.layout import channels_first, layout_of


@dataclass(frozen=True)
class GradCAM:
    """ReLU(Σ_k w_k A_k), w_k the mean of ∂ logit / ∂A_k over places (Selvaraju et al. 2017).

    Maps are raw (not scaled to [0, 1]) and upsampled bilinearly to the image.

    Attributes:
        layer: name of the layer whose output is A, as in `named_modules`. Which of its axes is
            channels the model says; tokens of a transformer are put back in their places, those
            without a place left out. See `sparks.models.layout`. Take one that the logit depends on
            at each token: behind the last attention, a network that reads its class token alone has
            no gradient elsewhere.
        batch_size: inputs per backward pass, the bound on memory.

    Example:
        >>> maps = GradCAM(layer="1")(net, images, classes)
        >>> maps.shape, bool((maps >= 0).all())
        (torch.Size([2, 16, 16]), True)
    """

    layer: str
    batch_size: int = 64

    def __post_init__(self) -> None:
        if not isinstance(self.layer, str) or not self.layer:
            raise SparksError(
                f"{type(self).__name__}: layer={self.layer!r} is no name of a layer with feature "
                "maps: a model names its own in its file (layer), null where it has none"
            )
        whole(self, 1, "batch_size")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W) that explain the classes `target` (N,) of images x (N, C, H, W)."""
        if x.ndim != 4:
            raise SparksError(f"{type(self).__name__} explains images, not {tuple(x.shape)} inputs")
        module = self._module(model, x)
        explain = partial(self._explain, model, module)
        return in_batches(model, x, target, self.batch_size, explain).float()

    def check(self, model: Model, x: Tensor) -> None:
        """Refuse a model that this method cannot explain, from one pass of inputs x (N, C, H, W).

        Raises:
            SparksError: when the layer does not exist, or has no feature maps of known layout.
        """
        module, part = self._module(model, x), to_device(x, device_of(model, x))
        with torch.no_grad(), evaluating(model):
            self._activation(model, module, part, part.new_zeros(len(part), dtype=torch.int64))

    def _module(self, model: Model, x: Tensor) -> nn.Module:
        try:
            return find_layer(model, self.layer)
        except SparksError as error:
            raise SparksError(f"{error}{_instead(model, x)}") from error

    def _activation(
        self, model: Model, module: nn.Module, x: Tensor, target: Tensor | None
    ) -> tuple[Tensor, Tensor, str]:
        """Return the logits (N, classes), the layer's output, and its layout."""
        with output_of(module) as kept:
            logits = Logits(model, target)(x)
        activation = kept[-1] if kept else None
        if not isinstance(activation, Tensor) or activation.ndim not in (3, 4):
            raise SparksError(
                f"layer {self.layer!r} gives no feature maps (N, K, h, w), nor tokens (N, T, K): "
                f"{type(self).__name__} needs a convolutional layer, or one that keeps places"
                f"{_instead(model, x)}"
            )
        size = (x.shape[2], x.shape[3])
        layout = layout_of(model, module, self.layer, tuple(activation.shape[1:]), size)
        if channels_first(activation, layout, size).shape[2:].numel() == 1:
            raise SparksError(
                f"the feature maps of layer {self.layer!r} have 1 x 1 places, every map would be "
                f"constant: choose an earlier layer{_instead(model, x)}"
            )
        return logits, activation, layout

    def _explain(self, model: Model, module: nn.Module, x: Tensor, target: Tensor | None) -> Tensor:
        logits, activation, layout = self._activation(model, module, x, target)
        grads = slopes(select_output(logits, target, "logit"), activation, f"layer {self.layer!r}")
        size = (x.shape[2], x.shape[3])
        grads, maps = (channels_first(t.detach(), layout, size) for t in (grads, activation))
        cam = self._combine(maps, grads).relu()
        return functional.interpolate(cam[:, None], x.shape[2:], mode="bilinear")[:, 0]

    def _combine(self, activation: Tensor, grads: Tensor) -> Tensor:
        """Return the weighted sum (N, h, w) of feature maps (N, K, h, w)."""
        return torch.einsum("nk,nkhw->nhw", self._weights(activation, grads), activation)

    def _weights(self, activation: Tensor, grads: Tensor) -> Tensor:
        """Return one weight for each feature map, (N, K)."""
        return grads.mean((2, 3))


@dataclass(frozen=True)
class GradCAMPlusPlus(GradCAM):
    """GradCAM with w_k = Σ α ReLU(∂ logit / ∂A_k) over places (Chattopadhay et al. 2018).

    α = g² / (2 g² + g³ Σ A) as for the exponential of the logit, whose own positive factor in g
    is left out: it scales a whole map.

    Example:
        >>> GradCAMPlusPlus(layer="1")(net, images, classes).shape
        torch.Size([2, 16, 16])
    """

    def _weights(self, activation: Tensor, grads: Tensor) -> Tensor:
        total = activation.sum((2, 3), keepdim=True)
        scale = 2 * grads**2 + grads**3 * total
        alpha = torch.where(scale != 0, grads**2 / torch.where(scale != 0, scale, 1), 0)
        return (alpha * grads.relu()).sum((2, 3))


def find_layer(model: Model, name: str) -> nn.Module:
    """Return the module called `name` in the model, or in its `net` (see `sparks.models`).

    Raises:
        SparksError: when there is none, or the model is TorchScript, which shows no outputs.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise SparksError(
            f"layer {name!r} cannot be watched in TorchScript: give the Python module"
        )
    modules = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    for full in (name, f"net.{name}"):
        if name and full in modules:
            module: nn.Module = modules[full]
            return module
    close = get_close_matches(name, [full.removeprefix("net.") for full in modules], n=3)
    hint = f": did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise SparksError(f"layer {name!r} does not exist{hint}")


def _instead(model: Model, x: Tensor) -> str:
    """Name the layers with maps of features of a model, from a pass of one input."""
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        return ""
    return f"; {named(map_layers(model, x[:1]))}"


@contextmanager
def output_of(module: nn.Module) -> Iterator[list[Any]]:
    """Collect what a module returns within the block."""
    kept: list[Any] = []

    def keep(_: nn.Module, __: Any, output: Any) -> Any:
        kept.append(output)
        # Later layers may work in place: they get a copy, and the output stays what it was.
        return output.clone() if isinstance(output, Tensor) else output

    handle = module.register_forward_hook(keep)
    try:
        yield kept
    finally:
        handle.remove()
