"""Small random networks of every kind of layer, and boxes around random inputs."""

import itertools

import torch
from torch import Tensor, nn

from sparks.models import MLP, Classifier, ConvNet

METHODS = ["ibp", "forward", "backward", "ibp+forward", "ibp+forward+backward"]


class Branches(nn.Module):
    """Functions instead of modules, views, and a sum of two branches that share an input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1, groups=1)
        self.side = nn.Conv2d(3, 3, 3, padding=2, dilation=2, groups=3, bias=False)
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.conv(x))
        y = y + self.side(y)
        y = nn.functional.max_pool2d(y, 3, 2, 1)
        y = nn.functional.avg_pool2d(y.relu(), 2, ceil_mode=True)
        y += y
        return self.head(y.view(y.size(0), -1)) + self.head(y.flatten(1))


def network(kind: str, seed: int) -> nn.Module:
    """Take inputs (2, 6, 6) to 4 outputs, in float64, so that only real leaks are seen."""
    torch.manual_seed(seed)
    made: dict[str, nn.Module] = {
        "dense": MLP(2, 4, 6, (9, 7)),
        "conv": nn.Sequential(
            nn.Conv2d(2, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2, ceil_mode=True),
            nn.Conv2d(4, 5, 2, padding="valid"), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Dropout(), nn.Linear(5, 4),
        ),
        "pool": nn.Sequential(
            nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2, 1), nn.Conv2d(3, 4, 2), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(),
            nn.Linear(5, 4),
        ),
        "residual": ConvNet(2, 4, 8, (3, 4)),
        "branches": Branches(),
    }  # fmt: skip
    model = Classifier(made[kind], 2, [0.4, 0.5], [0.3, 0.25]).double()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.1, 2)
            nn.init.uniform_(layer.weight, -1, 1.5)
    return model.eval()


KINDS = ["dense", "conv", "pool", "residual", "branches"]


def boxes(m: int, radius: float, seed: int) -> tuple[Tensor, Tensor]:
    """Boxes of inputs (2, 6, 6) with sides of every length, some of them 0."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.rand(m, 2, 6, 6, generator=generator, dtype=torch.float64)
    side = torch.rand(m, 2, 6, 6, generator=generator, dtype=torch.float64) * radius
    side *= torch.rand(m, 2, 6, 6, generator=generator) > 0.3
    return centre - side, centre + side


def inside(lower: Tensor, upper: Tensor, n: int, seed: int) -> Tensor:
    """Points (n, M, ...) of boxes: uniform ones, and corners."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(n, *lower.shape, generator=generator, dtype=lower.dtype)
    share[: n // 2] = (share[: n // 2] > 0.5).to(share)
    return lower + share * (upper - lower)


def attacked(model: nn.Module, lower: Tensor, upper: Tensor, sign: int, output: int) -> Tensor:
    """Walk from the centres of boxes to where one output is small or large: values (M,)."""
    x = ((lower + upper) / 2).requires_grad_()
    best = model(x).detach()[:, output]
    for step in range(20):
        value = model(x)[:, output]
        (slope,) = torch.autograd.grad(value.sum(), x)
        move = sign * slope.sign() * (upper - lower) / (2 + step)
        x = (x.detach() + move).clamp(lower, upper).requires_grad_()
        here = model(x).detach()[:, output]
        best = torch.maximum(best, here) if sign > 0 else torch.minimum(best, here)
    return best


def true_range(weights: list[Tensor], biases: list[Tensor], lower: Tensor, upper: Tensor) -> Tensor:
    """Smallest and largest output of a dense ReLU network over a box, by all ReLU patterns.

    For each pattern the network is affine on a polytope: a linear program.
    """
    from scipy.optimize import linprog

    sizes = [len(b) for b in biases[:-1]]
    found = []
    for pattern in itertools.product([0.0, 1.0], repeat=sum(sizes)):
        a, c = torch.eye(len(lower), dtype=lower.dtype), torch.zeros_like(lower)
        rows, ends, at = [], [], 0
        for w, b, size in zip(weights[:-1], biases[:-1], sizes, strict=True):
            a, c = w @ a, w @ c + b
            on = torch.tensor(pattern[at : at + size], dtype=lower.dtype)
            at += size
            sign = 1 - 2 * on  # on: a x + c ≥ 0; off: ≤ 0
            rows.append(sign[:, None] * a)
            ends.append(-sign * c)
            a, c = on[:, None] * a, on * c
        a, c = weights[-1] @ a, weights[-1] @ c + biases[-1]
        limits = list(zip(lower.tolist(), upper.tolist(), strict=True))
        for sign in (1, -1):
            above, end = torch.cat(rows).numpy(), torch.cat(ends).numpy()
            done = linprog(sign * a[0].numpy(), above, end, bounds=limits)
            if done.status == 0:
                found.append(sign * done.fun + float(c[0]))
    return torch.tensor([min(found), max(found)], dtype=lower.dtype)
