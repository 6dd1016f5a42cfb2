"""Any torchvision classifier by name, with or without its published weights.

Building never downloads: `Published.fetch` does (`sparks.data.fetch`), where there is a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import nn

from sparks.checks import is_path
from sparks.data.fetch import Published
from sparks.errors import SparksError
from sparks.models.heads import check_classes, keep_classes, last_head, replace_head
from sparks.models.weights import check_fit, load_weights, read_state

# They train with extra outputs, and would then return more than the logits.
AUXILIARY = ("googlenet", "inception_v3")

PUBLISHED = 1000  # classes of ImageNet, of all of torchvision's published weights


def torchvision_classifier(
    name: str,
    num_classes: int,
    weights: bool | str | None = None,
    in_channels: int = 3,
    weights_dir: str | Path | None = None,
    classes: Sequence[int] | None = None,
) -> nn.Module:
    """Build a torchvision classifier, with or without its published weights.

    Nothing is downloaded; an error says where missing weights are to be put.

    Args:
        name: as in `torchvision.models`, such as "resnet50".
        num_classes: number of logits. Where the published weights have another number, the last
            layer is replaced by a new one.
        weights: True for torchvision's default published weights, a name such as
            "IMAGENET1K_V1" for others; the path of a checkpoint with as many classes as the
            published ones; False or None for random ones.
        in_channels: 3, or 1: the first layer's weights are then summed over colours, which is
            the same as showing the grey image in all three.
        weights_dir: folder of the published files; PyTorch's own cache by default.
        classes: which of the published classes the logits are for, by number and in this order,
            as many as `num_classes`: their rows of the published last layer are kept.

    Returns:
        The network, from normalised images (N, in_channels, H, W) to logits (N, num_classes).

    Raises:
        SparksError: when the name, the weights or a class are unknown, their file is not there, or
            it is not the published one.

    Example:
        A network with random weights for grey images.

        >>> net = torchvision_classifier("squeezenet1_1", num_classes=5, in_channels=1)
        >>> net(images.mean(1, keepdim=True)).shape
        torch.Size([2, 5])
    """
    import torchvision

    names = torchvision.models.list_models(module=torchvision.models)
    if name not in names:
        close = get_close_matches(name, names, n=3) or names
        raise SparksError(f"torchvision has no classifier {name!r}: did you mean {close}?")
    if classes is not None:
        check_classes(classes, num_classes, PUBLISHED)
    options: dict[str, Any] = {}
    if name in AUXILIARY:
        options = {"aux_logits": False, "transform_input": bool(weights), "init_weights": True}
    if not weights:
        net = torchvision.models.get_model(name, num_classes=num_classes, **options)
        return _with_channels(net, in_channels)
    net = torchvision.models.get_model(name, num_classes=PUBLISHED, **options)
    if is_path(weights):
        load_weights(net, str(weights))
    else:
        _load_published(net, name, torchvision_weights(name, weights, weights_dir))
    head = last_head(net, PUBLISHED)
    if classes is not None:
        keep_classes(net, [head], classes, num_classes)
    elif num_classes != PUBLISHED:
        replace_head(net, head, num_classes)
    return _with_channels(net, in_channels)


def torchvision_weights(
    name: str, weights: bool | str, weights_dir: str | Path | None = None
) -> Published:
    """Return address, place and digest of the file of a classifier's published weights.

    Args:
        name: as in `torchvision.models`.
        weights: True for the default ones, or their name.
        weights_dir: where the file is; PyTorch's own cache by default.

    Raises:
        SparksError: when torchvision knows no such weights.
    """
    import torchvision

    entries = torchvision.models.get_model_weights(name)
    wanted = "DEFAULT" if weights is True else weights
    if wanted not in entries.__members__:
        raise SparksError(
            f"{name} has no published weights {weights!r}: use one of "
            f"{list(entries.__members__)}, or the path of a checkpoint"
        )
    url = entries[wanted].url
    file = Path(urlparse(url).path)
    return Published(url, weights_folder(weights_dir) / file.name, file.stem.rpartition("-")[2])


def weights_folder(weights_dir: str | Path | None) -> Path:
    """Return the folder of published weights: the user's, or that of PyTorch's cache."""
    if weights_dir is None:
        return Path(torch.hub.get_dir()) / "checkpoints"
    return Path(weights_dir).expanduser()


def require_weights(name: str, file: Published) -> Path:
    """Return the path of published weights.

    Args:
        name: of the network, for the error.
        file: address and place of its weights.

    Raises:
        SparksError: when they are not there, or not the published ones.
    """
    if not file.is_there():
        raise SparksError(
            f"the published weights of {name} are not on this machine: put {file.url} at "
            f"{file.path}, or set weights to false for random ones"
        )
    return file.path


def _load_published(net: nn.Module, name: str, file: Published) -> None:
    path = require_weights(name, file)
    state = {
        key: value
        for key, value in read_state(path).items()
        if not (name in AUXILIARY and key.lower().startswith("aux"))
    }
    check_fit(net, state, path)
    net.load_state_dict(state)


def _with_channels(net: nn.Module, in_channels: int) -> nn.Module:
    """Return the network with a first convolution for grey images, where there is 1 channel."""
    if in_channels == 3:
        return net
    if in_channels != 1:
        raise SparksError(
            f"torchvision's classifiers take 3 channels, or 1 by summing: not {in_channels}"
        )
    path, first = next((p, m) for p, m in net.named_modules() if isinstance(m, nn.Conv2d))
    grey = nn.Conv2d(
        1,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    grey.weight.data = first.weight.data.sum(1, keepdim=True)
    if first.bias is not None and grey.bias is not None:
        grey.bias.data = first.bias.data.clone()
    net.set_submodule(path, grey)
    return net
