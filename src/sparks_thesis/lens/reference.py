"""Distance of an image, in feature space, from the images that the atlas was built from.

The features of an image are the mean and the standard deviation of each channel over places, at a
layer whose maps are an eighth of the image's side: deep enough to tell photographs from drawings,
screens or noise, and not so deep that photographs of another class are far (at the last layer of
EfficientNet-Lite0, most photographs of classes that were not surveyed are). Each feature is divided
by its standard deviation, and the distance is that to the fifth-nearest surveyed image (Sun et al.
2022, there at the last layer). It is judged by the distances of images that were held out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sparks.concepts.layer import Layer
from sparks.engine.inference import evaluating
from sparks.models.classifier import Classifier
from sparks.models.layout import channels_first, layout_of

# The side of an image in sides of the maps of the layer.
STRIDE = 8
NEIGHBOUR = 5
# An image is far where at most this share of held-out images is as far.
LEVEL = 0.01
# Images of each kind that distances are measured with, and in one pass; both bound memory only.
MOST, BATCH = 2000, 32


class Distance(NamedTuple):
    """The distance of an image, among those of images that were held out.

    Attributes:
        value: the distance.
        farther: how many of the held-out images are as far or farther.
        held_out: how many there are.
        surveyed: images that it is the distance to.
    """

    value: float
    farther: int
    held_out: int
    surveyed: int

    @property
    def known(self) -> bool:
        """True if there are enough held-out images to call one far."""
        return 1 / (self.held_out + 1) <= LEVEL

    @property
    def far(self) -> bool:
        """True if the image is farther than the held-out ones at the significance `LEVEL`.

        Among exchangeable images, (1 + farther) / (1 + held out) is below any level with at most
        that probability (a conformal p-value).
        """
        return (1 + self.farther) / (1 + self.held_out) <= LEVEL


@dataclass(frozen=True, eq=False)
class Reference:
    """Images that distances are measured to.

    Attributes:
        layer: where features are taken.
        surveyed: features (n, d) of the images, standardised.
        mean: of each feature before that, (d,).
        std: the same.
        held_out: distances of the held-out images, (m,).
    """

    layer: Layer
    surveyed: Tensor
    mean: Tensor
    std: Tensor
    held_out: Tensor

    @classmethod
    def of(cls, layer: Layer, surveyed: Tensor, held_out: Tensor) -> Reference:
        """Make a reference.

        Args:
            layer: where features are taken.
            surveyed: `features` (n, d) of the images.
            held_out: those of other images (m, d). Images that are among the surveyed ones do not
                count, nor more than some thousands of either.
        """
        known = surveyed[:: max(1, len(surveyed) // MOST)].float()
        others = held_out[:: max(1, len(held_out) // MOST)].float()
        others = others[~(others[:, None] == known).all(2).any(1)]
        mean, std = known.mean(0), known.std(0).clamp(min=1e-6)
        made = cls(layer, (known - mean) / std, mean, std, known.new_zeros(0))
        return cls(layer, made.surveyed, mean, std, made._distances(others))

    def distance(self, x: Tensor) -> Distance:
        """Return the distance of one image (1, C, H, W)."""
        (value,) = self._distances(features(self.layer, x))
        farther = int((self.held_out >= value).sum())
        return Distance(float(value), farther, len(self.held_out), len(self.surveyed))

    def _distances(self, found: Tensor) -> Tensor:
        place = min(NEIGHBOUR, len(self.surveyed))
        near = torch.cdist((found - self.mean) / self.std, self.surveyed)
        return near.kthvalue(place, 1).values


def features(layer: Layer, x: Tensor) -> Tensor:
    """Return each channel's mean and standard deviation over places, (N, 2 p)."""
    parts = [layer.activations(part) for part in torch.split(x, BATCH)]
    return torch.cat([torch.cat([a.mean(1), a.std(1, correction=0)], 1) for a in parts])


def reference_layer(model: Classifier, layer: str, example: Tensor) -> Layer:
    """Find where features are taken: the last layer with maps of an eighth of the image's side.

    Args:
        model: in evaluation mode.
        layer: that is taken where no layer has such maps.
        example: one image (1, C, H, W).
    """
    size = (example.shape[2], example.shape[3])
    sides: dict[str, int] = {}
    modules = {name: model.net.get_submodule(name) for name in model.layers()}

    def note(name: str, value: object) -> None:
        if isinstance(value, Tensor) and value.ndim == 4:
            layout = layout_of(model, modules[name], name, tuple(value.shape[1:]), size)
            sides[name] = min(channels_first(value, layout).shape[2:])

    hooks = [
        module.register_forward_hook(lambda _, given, value, name=name: note(name, value))
        for name, module in modules.items()
    ]
    try:
        with torch.inference_mode(), evaluating(model):
            model(example.to(next(model.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    least = max(2, min(size) // STRIDE)
    fine = [name for name in modules if sides.get(name, 0) >= least]
    return Layer(model, fine[-1] if fine else layer, example)
