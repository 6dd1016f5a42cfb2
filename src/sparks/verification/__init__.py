"""Verification: sound bounds of a network's outputs over every input of a set.

    >>> from sparks.verification import bounds
    >>> low, high = bounds(model, x - 0.01, x + 0.01, "ibp+backward")  # doctest: +SKIP

`layers` are the operations that have bounds, `graph` reads a network as a list of them, `regions`
are the sets of inputs, `ibp`, `affine` and `crown` the three ways to bound, `bounding` puts them
together, `rounding` allows for floating-point numbers, `attack` looks for the worst input from
below. Names are imported on first use.
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
