"""1-Lipschitz networks made of deel-torchlip's layers, each with an unconstrained baseline.

After Serrurier et al. 2023 (arXiv 2206.06854): orthogonal convolutions and matrices (Björck),
sorted pairs of channels (GroupSort) for ReLU, no batch normalisation; a baseline has plain layers
of the same widths, batch normalisation and ReLU. The paper's channel counts are not known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sparks.errors import SparksError
from sparks.models.layout import Convolutional

# Side of the feature maps that the convolutions end with.
LAST = 2

POWER_ITERATIONS = 10  # in a step, of each matrix's largest singular value


class GroupSort2(nn.Module):
    """An activation that sorts channels in pairs, the lower one first; (N, 2 c, ...).

    It computes what torchlip's does, whose Python branches torch.fx cannot trace.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (N, 2 c, ...) with each pair of channels sorted."""
        first, second = x[:, 0::2], x[:, 1::2]
        pairs = [torch.minimum(first, second), torch.maximum(first, second)]
        return torch.stack(pairs, 2).flatten(1, 2)


class LipschitzConvNet(Convolutional):
    """A 1-Lipschitz convolutional network, or its unconstrained baseline.

    Each stage is a convolution with stride 1 and one of 2 x 2 with stride 2; dense layers follow.
    The image's places are first folded into channels (pixel unshuffle, an isometry), so far that
    the stages' halvings lead to about 2 × 2. torchlip makes a kernel orthogonal as a matrix. Where
    windows overlap (`kernel` 3), that does not make the convolution orthogonal: it is divided by a
    bound of its norm, and gradients shrink. Convolutions whose stride is their size (`kernel` 1)
    are orthogonal, so that gradients can keep norm 1.

    Args:
        in_channels: C of the images.
        num_classes: number of logits; each is 1-Lipschitz by itself.
        image_size: H = W, a multiple of 2 to the number of stages.
        widths: channels of each stage, even.
        hidden: units of each dense layer, even.
        constrained: whether the network is 1-Lipschitz; False for its baseline.
        kernel: side of the convolutions with stride 1, odd.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        image_size: int,
        widths: Sequence[int] = (16, 32),
        hidden: Sequence[int] = (64,),
        constrained: bool = True,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        _check_even([*widths, *hidden])
        if kernel < 1 or kernel % 2 == 0:
            raise SparksError(f"kernel is {kernel}: it must be odd, so that maps keep their side")
        fold = 2 ** max(0, round(math.log2(image_size / LAST)) - len(widths))
        while fold > 1 and image_size % (fold * 2 ** len(widths)):
            fold //= 2
        if image_size % (fold * 2 ** len(widths)):
            raise SparksError(
                f"image_size is {image_size}: {len(widths)} stages halve it to whole pixels only "
                f"where it is a multiple of {fold * 2 ** len(widths)}"
            )
        self.fold = nn.PixelUnshuffle(fold)
        channels = [in_channels * fold**2, *widths]
        stages = (_stage(a, b, constrained, kernel) for a, b in pairwise(channels))
        self.stages = nn.Sequential(*stages)
        side = image_size // (fold * 2 ** len(widths))
        self.flatten = nn.Flatten()
        sizes = [widths[-1] * side**2, *hidden]
        self.hidden = nn.Sequential(*(_dense(a, b, constrained) for a, b in pairwise(sizes)))
        self.head = _head(sizes[-1], num_classes, constrained)
        _settle(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, in_channels, image_size, image_size)."""
        logits: Tensor = self.head(self.hidden(self.flatten(self.stages(self.fold(x)))))
        return logits


class LipschitzMLP(nn.Module):
    """A 1-Lipschitz network of dense layers, or its unconstrained baseline.

    Args:
        in_features: numbers of an input, C · H · W of an image.
        num_classes: number of logits; 1 for a function whose sign is the class.
        hidden: units of each hidden layer, even.
        constrained: whether the network is 1-Lipschitz; False for its baseline.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        hidden: Sequence[int] = (128, 64),
        constrained: bool = True,
    ) -> None:
        super().__init__()
        _check_even(hidden)
        sizes = [in_features, *hidden]
        self.flatten = nn.Flatten()
        self.hidden = nn.Sequential(*(_dense(a, b, constrained) for a, b in pairwise(sizes)))
        self.head = _head(sizes[-1], num_classes, constrained)
        _settle(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of inputs (N, ...)."""
        logits: Tensor = self.head(self.hidden(self.flatten(x)))
        return logits


def lipschitz_mlp(
    in_channels: int,
    num_classes: int,
    image_size: int,
    hidden: Sequence[int] = (128, 64),
    constrained: bool = True,
) -> LipschitzMLP:
    """Build a `LipschitzMLP` for images.

    Args:
        in_channels: channels of an image.
        num_classes: number of logits.
        image_size: side of an image, pixels.
        hidden: units of each hidden layer, even.
        constrained: whether the network is 1-Lipschitz; False for its unconstrained baseline.
    """
    return LipschitzMLP(in_channels * image_size**2, num_classes, hidden, constrained)


def _check_even(widths: Sequence[int]) -> None:
    if any(width < 2 or width % 2 for width in widths):
        raise SparksError(f"widths {list(widths)} must be even: GroupSort sorts pairs of channels")


def _stage(channels: int, out: int, constrained: bool, kernel: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inner, size, stride, padding in ((channels, kernel, 1, kernel // 2), (out, 2, 2, 0)):
        if constrained:
            import deel.torchlip as lip

            layers += [
                lip.SpectralConv2d(inner, out, size, stride=stride, padding=padding),
                GroupSort2(),
            ]
        else:
            layers += [
                nn.Conv2d(inner, out, size, stride, padding, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
    return nn.Sequential(*layers)


def _dense(size: int, out: int, constrained: bool) -> nn.Sequential:
    if not constrained:
        return nn.Sequential(nn.Linear(size, out), nn.ReLU())
    import deel.torchlip as lip

    return nn.Sequential(lip.SpectralLinear(size, out), GroupSort2())


def _head(size: int, num_classes: int, constrained: bool) -> nn.Module:
    if not constrained:
        return nn.Linear(size, num_classes)
    import deel.torchlip as lip

    head: nn.Module = lip.FrobeniusLinear(size, num_classes, disjoint_neurons=True)
    return head


def _settle(net: nn.Module) -> None:
    """Compute every normalised weight once, which the layers then keep for evaluation.

    A training step can turn the first singular vectors of a large matrix altogether: the first one
    of Adam moves every number by the learning rate. torchlip follows them by one power iteration a
    step, which then finds a norm that is several times too small; where the normalised matrix still
    has one above √3, Björck's iteration ends in NaN.
    """
    for module in net.modules():
        if parametrize.is_parametrized(module, "weight"):
            for step in module.parametrizations.weight:  # type: ignore[union-attr]
                if hasattr(step, "n_power_iterations"):
                    step.n_power_iterations = POWER_ITERATIONS
            module.weight  # noqa: B018 - reading it computes it
