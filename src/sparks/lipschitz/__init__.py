"""1-Lipschitz networks: hKR losses, measured bounds, certificates, attacks, counterfactuals.

A function f is 1-Lipschitz when |f(x) - f(x')| ≤ ‖x - x'‖₂: it stretches no distance. Then |f(x)|
bounds from below how far x is from where f changes its sign. Networks are trained so by layers of
torchlip and by the losses `HKR`, `MulticlassHKR` and `SoftHKR`; all else here works with any chain
of layers. Source: Serrurier, Mamalet, Fel, Béthune, Boissin 2023 (arXiv 2206.06854).
Names are imported on first use.

Examples use a linear network of points of a plane: its first layer doubles lengths, its two logits
are the doubled coordinates, and classes meet at the line x₁ = x₂, √2 away from the point (3, 1):

    >>> import torch
    >>> from collections import OrderedDict
    >>> from torch import nn
    >>> layers = {name: nn.Linear(2, 2, bias=False) for name in ("body", "head")}
    >>> net = nn.Sequential(OrderedDict(layers))
    >>> net.body.weight.data, net.head.weight.data = 2 * torch.eye(2), torch.eye(2)
    >>> x = torch.tensor([[3.0, 1.0]])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.lipschitz.attack import smallest_perturbation
    from sparks.lipschitz.bound import body_bound, gradient_norms, largest_gradient, layer_norms
    from sparks.lipschitz.certificate import certified_radius
    from sparks.lipschitz.counterfactual import counterfactuals
    from sparks.lipschitz.export import plain
    from sparks.lipschitz.koch_snowflake import Points, koch, snowflakes
    from sparks.lipschitz.losses import HKR, MulticlassHKR, SoftHKR

_MODULES = {
    "HKR": "losses",
    "MulticlassHKR": "losses",
    "Points": "koch_snowflake",
    "SoftHKR": "losses",
    "body_bound": "bound",
    "certified_radius": "certificate",
    "counterfactuals": "counterfactual",
    "gradient_norms": "bound",
    "koch": "koch_snowflake",
    "largest_gradient": "bound",
    "layer_norms": "bound",
    "plain": "export",
    "smallest_perturbation": "attack",
    "snowflakes": "koch_snowflake",
}

__all__ = [
    "HKR",
    "MulticlassHKR",
    "Points",
    "SoftHKR",
    "body_bound",
    "certified_radius",
    "counterfactuals",
    "gradient_norms",
    "koch",
    "largest_gradient",
    "layer_norms",
    "plain",
    "smallest_perturbation",
    "snowflakes",
]


__getattr__ = on_first_use(__name__, _MODULES)
