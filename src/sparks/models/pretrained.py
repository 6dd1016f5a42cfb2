"""Any torchvision classifier by name, with or without its published weights.

Building never downloads: `download_weights` does, where there is a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import nn

from sparks.data.fetch import guarded, has_digest
from sparks.errors import SparksError
from sparks.models.weights import check_fit, read_state

# They train with extra outputs, and would then return more than the logits.
AUXILIARY = ("googlenet", "inception_v3")


PUBLISHED = 1000  # classes of ImageNet, of all published weights


def torchvision_classifier(
    name: str,
    num_classes: int,
    weights: bool | str | None = None,
    in_channels: int = 3,
    weights_dir: str | Path | None = None,
    classes: Sequence[int] | None = None,
) -> nn.Module:
    """Build a torchvision classifier.

    Args:
        name: as in `torchvision.models`, such as "resnet50".
        num_classes: number of logits. Where the published weights have another number, the last
            layer is replaced by a new one.
        weights: True for torchvision's default published weights, a name such as
            "IMAGENET1K_V1" for others, False or None for random ones.
        in_channels: 3, or 1: the first layer's weights are then summed over colours, which is
            the same as showing the grey image in all three.
        weights_dir: folder of the published files; PyTorch's own cache by default.
        classes: which of the published classes the logits are for, by number and in this order,
            as many as `num_classes`: their rows of the published last layer are kept.

    Raises:
        SparksError: when the name, the weights or a class are unknown, or their file is not there.
    """
    import torchvision

    names = torchvision.models.list_models(module=torchvision.models)
    if name not in names:
        close = get_close_matches(name, names, n=3) or names
        raise SparksError(f"torchvision has no classifier {name!r}: did you mean {close}?")
    if classes is not None:
        _check_classes(classes, num_classes)
    options: dict[str, Any] = {}
    if name in AUXILIARY:
        options = {"aux_logits": False, "transform_input": bool(weights), "init_weights": True}
    if not weights:
        net = torchvision.models.get_model(name, num_classes=num_classes, **options)
        return _with_channels(net, in_channels)
    entry = _weights_entry(torchvision, name, weights)
    path = _local_file(name, entry, weights_dir)
    published = len(entry.meta["categories"])
    net = torchvision.models.get_model(name, num_classes=published, **options)
    state = {
        key: value
        for key, value in read_state(path).items()
        if not (name in AUXILIARY and key.lower().startswith("aux"))
    }
    check_fit(net, state, path)
    net.load_state_dict(state)
    if classes is not None:
        keep_classes(net, classes, num_classes)
    elif num_classes != published:
        _replace_head(net, published, num_classes)
    return _with_channels(net, in_channels)


def download_weights(name: str, weights: bool | str, weights_dir: str | Path | None = None) -> Path:
    """Fetch the published weights of a classifier; a file that is there and intact is kept.

    Args:
        name: as in `torchvision.models`.
        weights: True for the default ones, or their name.
        weights_dir: where to; PyTorch's own cache by default.

    Returns:
        the file, whose SHA-256 begins as its name says.

    Raises:
        SparksError: when they are unknown, cannot be fetched or are not the published ones.
    """
    import torchvision

    entry = _weights_entry(torchvision, name, weights)
    path = _weights_file(entry, weights_dir)
    digest = path.stem.rpartition("-")[2]
    if not has_digest(path, digest):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with guarded():
                torch.hub.download_url_to_file(entry.url, str(path), digest, progress=False)
        except (OSError, RuntimeError) as error:
            raise SparksError(
                f"the weights of {name} cannot be downloaded from {entry.url} ({error}): check the "
                f"network, or put the file at {path}"
            ) from error
    return path


def _weights_entry(torchvision: Any, name: str, weights: bool | str) -> Any:
    entries = torchvision.models.get_model_weights(name)
    wanted = "DEFAULT" if weights is True else weights
    if wanted not in entries.__members__:
        raise SparksError(
            f"{name} has no published weights {weights!r}: use one of {list(entries.__members__)}"
        )
    return entries[wanted]


def _local_file(name: str, entry: Any, weights_dir: str | Path | None) -> Path:
    path = _weights_file(entry, weights_dir)
    if not path.is_file():
        raise SparksError(
            f"the published weights of {name} are not on this machine: put {entry.url} at {path}, "
            "or set weights to false for random ones"
        )
    return path


def _weights_file(entry: Any, weights_dir: str | Path | None) -> Path:
    folder = Path(torch.hub.get_dir()) / "checkpoints" if weights_dir is None else Path(weights_dir)
    return folder / Path(urlparse(entry.url).path).name


def _replace(net: nn.Module, path: str, layer: nn.Module) -> None:
    parent, _, child = path.rpartition(".")
    setattr(net.get_submodule(parent), child, layer)


def _head(net: nn.Module, published: int) -> tuple[str, nn.Linear | nn.Conv2d]:
    """Find the last layer: its path, and the layer of `published` outputs."""
    for path, layer in reversed(list(net.named_modules())):
        if isinstance(layer, nn.Linear) and layer.out_features == published:
            return path, layer
        if isinstance(layer, nn.Conv2d) and layer.out_channels == published:  # squeezenet
            return path, layer
    raise SparksError(f"{type(net).__name__} has no last layer of {published} outputs to replace")


def _replace_head(net: nn.Module, published: int, num_classes: int) -> None:
    """Put a new last layer with `num_classes` outputs in place of the published one."""
    path, layer = _head(net, published)
    if isinstance(layer, nn.Conv2d):
        return _replace(net, path, nn.Conv2d(layer.in_channels, num_classes, kernel_size=1))
    new = nn.Linear(layer.in_features, num_classes, bias=layer.bias is not None)
    return _replace(net, path, new)


def keep_classes(net: nn.Module, classes: Sequence[int], num_classes: int) -> None:
    """Keep the rows of some of ImageNet's classes in the last layer, in place.

    Args:
        net: with the published last layer.
        classes: their numbers, in the order of the new logits.
        num_classes: how many logits are wanted.

    Raises:
        SparksError: when they are not as many as the logits, each once, or one is unknown.
    """
    _check_classes(classes, num_classes)
    path, layer = _head(net, PUBLISHED)
    _replace_head(net, PUBLISHED, len(classes))
    rows = {name: values[list(classes)] for name, values in layer.state_dict().items()}
    net.get_submodule(path).load_state_dict(rows)


def _check_classes(classes: Sequence[int], num_classes: int) -> None:
    """Refuse classes that are not as many as the logits, each once."""
    if unknown := [number for number in classes if not 0 <= number < PUBLISHED]:
        raise SparksError(f"classes has {unknown[0]}: the published ones are 0 … {PUBLISHED - 1}")
    if len(classes) != num_classes or len(set(classes)) != num_classes:
        raise SparksError(
            f"classes has {len(set(classes))} different published classes for {num_classes} "
            "logits: name one for each class of the data set, in its order"
        )


def _with_channels(net: nn.Module, in_channels: int) -> nn.Module:
    """Let the first convolution take grey images."""
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
    _replace(net, path, grey)
    return net
