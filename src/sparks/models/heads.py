"""The last layers of a network, whose rows are its classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from sparks.errors import SparksError

Affine = nn.Linear | nn.Conv2d


def some_classes(
    net: nn.Module,
    head: str | Sequence[str],
    num_classes: int,
    classes: Sequence[int] | None = None,
    weights: str | None = None,
) -> nn.Module:
    """Make a classifier of some of a network's classes.

    Of the last layer only the rows of these classes are kept.

    Args:
        net: with logits for all of its classes; changed in place.
        head: name of the affine layer that gives the logits; several where the logits are a sum of
            their outputs.
        num_classes: number of logits that are wanted.
        classes: numbers of the network's classes, in the order of the new logits; None for all.
        weights: checkpoint of the whole network, loaded before classes are chosen; None for none.

    Returns:
        `net`.

    Raises:
        SparksError: when the checkpoint does not fit, the head is no such layer, or the classes are
            not as many as the logits, each once.

    Example:
        >>> from sparks.models import MLP
        >>> net = MLP(in_channels=3, num_classes=10, image_size=32, hidden=(16,))
        >>> before = net(images)
        >>> few = some_classes(net, head="head", num_classes=2, classes=[7, 1])
        >>> torch.allclose(few(images), before[:, [7, 1]], atol=1e-5)
        True
    """
    from sparks.models.weights import load_weights

    if weights is not None:
        load_weights(net, Path(weights).expanduser())
    if classes is not None:
        keep_classes(net, [head] if isinstance(head, str) else head, classes, num_classes)
    return net


def with_new_head(net: nn.Module, head: str, num_classes: int) -> nn.Module:
    """Replace the last layer of a network by a new one, the only one that training changes.

    Such a layer is a linear probe. The parameters of all other layers need no gradient, and their
    batch normalisations keep their statistics (see `sparks.training.step.training_mode`).

    Args:
        net: images to logits; changed in place.
        head: name of the affine layer that gives the logits.
        num_classes: number of new logits.

    Returns:
        `net`.

    Raises:
        SparksError: when the head is no such layer.

    Example:
        >>> from sparks.models import MLP
        >>> net = MLP(in_channels=3, num_classes=10, image_size=32, hidden=(16,))
        >>> probe = with_new_head(net, head="head", num_classes=4)
        >>> probe(images).shape
        torch.Size([2, 4])
        >>> [name for name, p in probe.named_parameters() if p.requires_grad]
        ['head.weight', 'head.bias']
    """
    replace_head(net, head, num_classes)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    for parameter in net.get_submodule(head).parameters():
        parameter.requires_grad_(True)
    return net


def keep_classes(
    net: nn.Module, heads: Sequence[str], classes: Sequence[int], num_classes: int
) -> None:
    """Keep the rows of some classes in the last layers, in place.

    Args:
        net: with logits for all of its classes.
        heads: names of the last layers, each with a row for every class.
        classes: their numbers, in the order of the new logits.
        num_classes: how many logits are wanted.

    Raises:
        SparksError: when they are not as many as the logits, each once, or one is unknown.
    """
    layers = {name: affine_head(net, name) for name in heads}
    for name, layer in layers.items():
        check_classes(classes, num_classes, rows_of(layer))
        replace_head(net, name, len(classes))
        rows = {key: values[list(classes)] for key, values in layer.state_dict().items()}
        net.get_submodule(name).load_state_dict(rows)


def check_classes(classes: Sequence[int], num_classes: int, known: int) -> None:
    """Refuse classes that are not as many as the logits, each once, of 0 … known - 1.

    Raises:
        SparksError: saying which is wrong.
    """
    if unknown := [number for number in classes if not 0 <= number < known]:
        raise SparksError(f"classes has {unknown[0]}: the network's own are 0 … {known - 1}")
    if len(classes) != num_classes or len(set(classes)) != num_classes:
        raise SparksError(
            f"classes has {len(set(classes))} different classes of the network for {num_classes} "
            "logits: name one for each class of the data set, in its order"
        )


def affine_head(net: nn.Module, name: str) -> Affine:
    """Return the last layer called `name`.

    Raises:
        SparksError: when there is none, or it is no affine layer with a row for each class.
    """
    layer = dict(net.named_modules()).get(name)
    if layer is None:
        raise SparksError(f"{type(net).__name__} has no layer {name!r}: its last ones are "
                          f"{', '.join(affine_layers(net)[-3:]) or 'not affine'}")  # fmt: skip
    if not isinstance(layer, nn.Linear) and not _is_pointwise(layer):
        raise SparksError(
            f"the head {name!r} is a {type(layer).__name__}, which has no row for each class: name "
            f"an affine layer ({', '.join(affine_layers(net)[-3:]) or 'there is none'})"
        )
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    return layer


def affine_layers(net: nn.Module) -> list[str]:
    """List the names of the layers that could be heads."""
    return [n for n, m in net.named_modules() if isinstance(m, nn.Linear) or _is_pointwise(m)]


def last_head(net: nn.Module, outputs: int) -> str:
    """Return the name of the last affine layer with so many outputs.

    Raises:
        SparksError: when there is none.
    """
    modules = dict(net.named_modules())
    for name in reversed(affine_layers(net)):
        if rows_of(modules[name]) == outputs:
            return name
    raise SparksError(f"{type(net).__name__} has no last layer of {outputs} outputs to replace")


def rows_of(layer: nn.Module) -> int:
    """Return the number of outputs of a head."""
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


def replace_head(net: nn.Module, name: str, outputs: int) -> None:
    """Replace the last layer called `name` by one of random weights with `outputs` outputs."""
    layer = affine_head(net, name)
    bias = layer.bias is not None
    new: Affine
    if isinstance(layer, nn.Conv2d):
        new = nn.Conv2d(layer.in_channels, outputs, kernel_size=1, bias=bias)
    else:
        new = nn.Linear(layer.in_features, outputs, bias=bias)
    net.set_submodule(name, new.train(layer.training))


def _is_pointwise(layer: nn.Module) -> bool:
    """Return whether a layer is a 1 x 1 convolution, i.e. a linear layer at every place."""
    return (
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == layer.stride == (1, 1)
        and layer.groups == 1
    )
