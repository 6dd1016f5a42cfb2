"""Verification: sound bounds of a network's outputs over every input of a set.

`bounds` is all that most programs need. Inside, `layers` are the operations that have bounds,
`graph` reads a network as a list of them, `regions` are the sets of inputs, `ibp`, `affine` and
`crown` the three ways to bound, `bounding` puts them together, `rounding` allows for floating-point
numbers, and `attack` bounds the worst case from the other side, by an input that it finds.
Names are imported on first use.

Examples bound the network f(x) = |x₁ - x₂| = relu(x₁ - x₂) + relu(x₂ - x₁), whose values on the
unit square are [0, 1]. A box around every activation (`ibp`) loses how they depend on each other:

    >>> import torch
    >>> from torch import nn
    >>> from sparks.verification import Balls, Boxes, bounds, read
    >>> layers = nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False)
    >>> net = nn.Sequential(*layers).requires_grad_(False)
    >>> net[0].weight.data = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    >>> net[2].weight.data = torch.tensor([[1.0, 1.0]])
    >>> lower, upper = torch.zeros(1, 2).double(), torch.ones(1, 2).double()
    >>> low, high = bounds(net, lower, upper, "ibp")
    >>> high.round(decimals=4)
    tensor([[2.]], dtype=torch.float64)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.verification.attack import Attack
    from sparks.verification.bounding import bound_outputs, bounds
    from sparks.verification.graph import Network, read
    from sparks.verification.regions import Balls, Boxes

_MODULES = {
    "Attack": "attack",
    "Balls": "regions",
    "Boxes": "regions",
    "Network": "graph",
    "bound_outputs": "bounding",
    "bounds": "bounding",
    "read": "graph",
}

__all__ = ["Attack", "Balls", "Boxes", "Network", "bound_outputs", "bounds", "read"]


__getattr__ = on_first_use(__name__, _MODULES)
