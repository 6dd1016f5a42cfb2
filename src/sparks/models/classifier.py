"""A classifier: any network, with the normalisation of its images inside."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from sparks.engine.outputs import logits_of
from sparks.errors import SparksError
from sparks.models.folded import in_place_of
from sparks.models.layout import LAYOUTS
from sparks.models.split import cut_points, shortest_names, split_at, trace

_PREFIX = "net."


def normalised(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Check that `x` is float (N, C, H, W) with the channels of `mean`; return (x - mean) / std."""
    channels = mean.shape[0]
    if x.ndim != 4 or x.shape[1] != channels:
        raise SparksError(
            f"the model takes images of shape (N, {channels}, H, W), not {tuple(x.shape)}: "
            "check the data set's channels against the model's"
        )
    if not x.is_floating_point():
        raise SparksError(
            f"the model takes images in [0, 1], not {x.dtype}: divide values from 0 to 255 by 255"
        )
    return (x - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


# One node for torch.fx, so that the check is kept in the g of a split.
torch.fx.wrap("normalised")


class Classifier(nn.Module):
    """A network with the normalisation of its images inside, which can be split at a layer.

    It takes images in [0, 1], (N, C, H, W), and returns logits (N, classes).

    Args:
        net: any network from normalised images (x - mean) / std to logits.
        channels: C, their number of channels.
        mean: of each channel, of images in [0, 1], or one for all; 0 if not given.
        std: of each channel, or one for all; 1 if not given.
        layout: of its feature maps, "NCHW" or "NHWC" (channels last, as in Swin); None for what
            the network's own attribute `layout` says, or else its layers (`sparks.models.layout`).

    Raises:
        SparksError: when `mean` or `std` do not fit the channels, or the layout is unknown.

    Example:
        >>> from sparks.models import ConvNet
        >>> net = ConvNet(in_channels=3, num_classes=10, image_size=32, widths=(4, 8))
        >>> model = Classifier(net, mean=0.5, std=0.25).eval()
        >>> torch.allclose(model(images), net((images - 0.5) / 0.25), atol=1e-5)
        True
        >>> model.layers()[-4:]
        ['stages', 'pool', 'flatten', 'head']
        >>> g, h = model.split("stages")
        >>> g(images).shape, torch.allclose(h(g(images)), model(images), atol=1e-5)
        (torch.Size([2, 8, 8, 8]), True)
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        net: nn.Module,
        channels: int = 3,
        mean: Sequence[float] | float | None = None,
        std: Sequence[float] | float | None = None,
        layout: str | None = None,
    ) -> None:
        super().__init__()
        if layout is not None and layout not in LAYOUTS:
            raise SparksError(f"Classifier: layout={layout!r} is not one of {', '.join(LAYOUTS)}")
        self.layout = layout if layout is not None else getattr(net, "layout", None)
        self.net = net
        means, stds = _of_channels(mean, 0.0, channels), _of_channels(std, 1.0, channels)
        if not len(means) == len(stds) == channels or not bool((stds > 0).all()):
            raise SparksError(
                f"mean {means.tolist()} and std {stds.tolist()} must have one value for each of "
                f"the {channels} channels, and std must be positive"
            )
        self.register_buffer("mean", means)
        self.register_buffer("std", stds)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, C, H, W) in [0, 1]."""
        net = in_place_of(self.net)
        logits: Tensor = logits_of(net(normalised(x, self.mean, self.std)))
        return logits

    def layers(self) -> list[str]:
        """Return the names of the layers where `split` is possible, from input to output."""
        points = cut_points(trace(self))
        return shortest_names(
            {
                path.removeprefix(_PREFIX): node
                for path, node in points.items()
                if path.startswith(_PREFIX)
            }
        )

    def split(self, layer: str) -> tuple[GraphModule, GraphModule]:
        """Cut the model f at a layer into g and h, f = h ∘ g.

        g takes images (N, C, H, W) in [0, 1] and returns the output of `layer`; h takes that and
        returns the logits. Both are differentiable, and share the modules of this model, thus
        its parameters and its mode: call `eval()` on the model first, as for any prediction.

        Args:
            layer: a module path, such as "stages.2" or "layer3". See `layers`.

        Raises:
            SparksError: when the layer does not exist, or does not alone determine the logits.
        """
        return split_at(trace(self), layer, _PREFIX)


def as_classifier(model: nn.Module, channels: int = 3) -> Classifier:
    """Return a network that can be split: a `Classifier` as it is, any other wrapped in one.

    The wrapped network is shared, not copied. It must take images in [0, 1].

    Args:
        model: images (N, C, H, W) to logits (N, classes).
        channels: C.

    Raises:
        SparksError: when `model` is not a torch.nn.Module.
    """
    if isinstance(model, Classifier):
        return model
    if not isinstance(model, nn.Module):
        raise SparksError(
            f"a {type(model).__name__} has no layers to split at: give a torch.nn.Module"
        )
    wrapped = Classifier(model, channels)
    # The new module's own mode must not say "training" of a network that is evaluated.
    wrapped.training = model.training
    tensor = next((t for t in model.parameters() if t.is_floating_point()), None)
    if tensor is not None:
        wrapped.mean, wrapped.std = wrapped.mean.to(tensor), wrapped.std.to(tensor)
    return wrapped


def _of_channels(values: Sequence[float] | float | None, default: float, channels: int) -> Tensor:
    """Return one value a channel."""
    if values is None or isinstance(values, int | float):
        return torch.full((channels,), default if values is None else float(values))
    return torch.tensor(list(values))
