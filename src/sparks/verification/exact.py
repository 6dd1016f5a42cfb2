"""The adversarial overlap of networks with a handful of inputs, to any precision; best subsets.

A box is cut into many small ones: the largest of their bounds is an upper bound of the adversarial
overlap, the largest margin at their centres a lower one, and both converge as the boxes shrink.
"""

from __future__ import annotations

from itertools import combinations, pairwise, product

import torch
from torch import Tensor, nn

from sparks.verification.bounding import bounds


def overlap(model: nn.Module, x: Tensor, radius: Tensor, cuts: int = 8) -> tuple[float, float]:
    """Return bounds of the largest value of a network with one output over x ± radius.

    Args:
        model: (b, d) → (b, 1), of layers that have bounds.
        x: (d,), float64.
        radius: (d,), 0 for an element that does not move.
        cuts: number of parts of each element's interval: cuts^m boxes, where m elements move.
    """
    moving = (radius > 0).nonzero()[:, 0]
    steps = torch.tensor(list(product(range(cuts), repeat=len(moving))), dtype=x.dtype)
    centre = x.expand(len(steps), -1).clone()
    centre[:, moving] += radius[moving] * ((2 * steps + 1) / cuts - 1)
    half = (radius / cuts).expand_as(centre)
    with torch.no_grad():
        _, high = bounds(model, centre - half, centre + half, "ibp+backward")
        return float(model(centre).max()), float(high.max())


def optimal_subsets(
    model: nn.Module, x: Tensor, epsilon: float, cuts: int = 8
) -> tuple[list[float], list[float], list[float]]:
    """Compare EVA's order of the elements with the best subset of each size, and with their own.

    The best subset of k elements is the one through which the margin can rise most when only they
    move, that is the one of lowest Robustness-Sr. EVA's are the k with the largest drop of the
    adversarial overlap when each alone is frozen. Both are computed with tight bounds of it.

    Returns:
        For k = 1 … d - 1: the adversarial overlap where the elements of EVA's subset move, where
        those of the best one do, and where the first k elements do, which are as good as any.
    """
    d = len(x)
    elements = set(range(d))

    def worth(moving: set[int] | tuple[int, ...]) -> float:
        radius = torch.zeros_like(x)
        radius[list(moving)] = epsilon
        return overlap(model, x, radius, cuts)[1]

    full = worth(elements)
    eva = [full - worth(elements - {i}) for i in range(d)]
    order = sorted(range(d), key=lambda i: -eva[i])
    own = [worth(set(order[:k])) for k in range(1, d)]
    each = [[worth(subset) for subset in combinations(range(d), k)] for k in range(1, d)]
    return own, [max(worths) for worths in each], [worths[0] for worths in each]


def toy(seed: int, inputs: int, hidden: int) -> nn.Sequential:
    """Build a random margin network: one hidden layer of ReLU, or a linear one with `hidden` 0."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [inputs, 1] if hidden == 0 else [inputs, hidden, 1]
    layers: list[nn.Module] = []
    for size, out in pairwise(sizes):
        layer = nn.Linear(size, out).double()
        draw = torch.randn(out, size + 1, generator=generator, dtype=torch.float64)
        layer.weight.data, layer.bias.data = draw[:, :-1], 0.3 * draw[:, -1]
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
