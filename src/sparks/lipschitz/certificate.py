"""Certified radii within which a Lipschitz network's prediction cannot change."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sparks.errors import SparksError
from sparks.lipschitz.bound import body_bound


def certified_radius(model: nn.Module, x: Tensor) -> Tensor:
    """Return a Euclidean radius within which no input is classified differently from x.

    For one logit f it is |f(x)| / ‖w‖, for several the smallest (f_y - f_k) / ‖w_y - w_k‖ over the
    other classes k, where w are the rows of the last layer and y is the predicted class. Both are
    divided by the measured Lipschitz bound of the layers before (`body_bound`), so the radius holds
    for any network, tight or not.

    Args:
        model: a chain of layers that ends in a dense layer `head`, or a `Classifier` with such a
            `net`.
        x: (N, ...), in float64 for a certificate that rounding does not break.

    Returns:
        (N,), not negative, of the type of the logits.

    Raises:
        SparksError: when the network has no dense layer `head`, or one whose norm is not known.

    Example:
        The certificate is tight: the point (3, 1) is √2 away from the other class.

        >>> certified_radius(net, x)
        tensor([1.4142])
    """
    from sparks.lipschitz.export import plain

    bound = body_bound(model, tuple(x.shape[1:]))
    copied = plain(model).to(x)
    weight = last_weight(copied)
    with torch.no_grad():
        logits = copied(x)
        if logits.shape[1] == 1:
            radius: Tensor = logits[:, 0].abs() / (bound * weight.norm())
            return radius
        kept = logits.argmax(1)
        gaps = logits.gather(1, kept[:, None]) - logits
        reach = bound * (weight[kept][:, None] - weight).norm(dim=2)
        radii: Tensor = (gaps / reach).scatter(1, kept[:, None], torch.inf)
        return radii.amin(1)


def last_weight(model: nn.Module) -> Tensor:
    """Return the matrix of the layer `head`, (classes, d).

    Raises:
        SparksError: when the network has no dense layer of that name.
    """
    head = getattr(getattr(model, "net", model), "head", None)
    if not isinstance(head, nn.Linear):
        raise SparksError("a certificate needs a network whose last layer is a dense one, `head`")
    return head.weight.detach()
