"""Small random networks of every kind of layer, and boxes around random inputs."""

import itertools
import random
from functools import partial

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


class Drawn(nn.Module):
    """A network of random layers from (2, 6, 6) to 4 outputs: what people put into a forward.

    Values are made one after another, each from some of those before: convolutions of every kind,
    modules that are used again, activations, pooling, padding, slices, concatenation, constants on
    either side, and sums of branches; only what auto_LiRPA reads if `plain`.
    """

    def __init__(self, seed: int, length: int = 9, plain: bool = False) -> None:
        super().__init__()
        self.random, self.plain = random.Random(seed), plain
        self.layers = nn.ModuleList()
        self.register_buffer("buffer", torch.randn(1, 6, 6))
        self.bias = nn.Parameter(torch.randn(1, 1))
        self.relu = nn.ReLU()  # one for all
        self.shapes, self.program = [(2, 6, 6)], []
        makers = [self._conv, self._conv, self._active, self._active, self._pool, self._sum]
        makers += [self._constant, self._cat, self._again] + ([] if plain else [self._view])
        self._conv()
        for _ in range(length):
            self.random.choice(makers)()
        self._head()

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for function, sources in self.program:
            values.append(function(*(values[i] for i in sources)))
        return values[-1]

    def _put(self, function, *sources: int) -> None:
        if isinstance(function, nn.Module) and function is not self.relu:
            self.layers.append(function.eval())
        self.program.append((function, sources))
        with torch.no_grad():
            values = (torch.zeros(2, *self.shapes[i]) for i in sources)
            self.shapes.append(tuple(function(*values).shape[1:]))

    def _some(self) -> int:
        """A value, most often the last."""
        last = len(self.shapes) - 1
        return last if self.random.random() < 0.6 else self.random.randint(0, last)

    def _conv(self) -> None:
        draw, at = self.random, self._some()
        channels, *size = self.shapes[at]
        kernel = draw.choice([k for k in (1, 2, 3) if k <= min(size)])
        groups = draw.choice([1, 1, channels])
        padding = draw.choice([0, 1] if self.plain else [0, 1, "same", "valid"])
        dilation = draw.choice([1, 2]) if padding == "same" else 1
        stride = 1 if padding == "same" else draw.choice([1, 1, 2])
        out = channels if groups > 1 else draw.randint(2, 4)
        how = {"groups": groups, "dilation": dilation, "bias": draw.random() < 0.7}
        self._put(nn.Conv2d(channels, out, kernel, stride, padding, **how), at)
        if draw.random() < 0.4:
            self._put(nn.BatchNorm2d(out), len(self.shapes) - 1)

    def _active(self) -> None:
        choices = [self.relu, torch.relu]
        if not self.plain:
            clips = [
                nn.ReLU6(), nn.Hardtanh(-0.3, 0.4), lambda v: v.clamp(min=0.1),
                lambda v: v.clamp(-0.2, 0.7), lambda v: torch.clamp(v, max=0.3),
                lambda v: nn.functional.relu6(4 * v),
            ]  # fmt: skip
            choices += clips
        self._put(self.random.choice(choices), self._some())

    def _pool(self) -> None:
        at = self._some()
        if min(self.shapes[at][1:]) < 2:
            return
        choices = [nn.AvgPool2d(2, ceil_mode=not self.plain)]
        if not self.plain:
            functional = nn.functional
            choices += [
                nn.MaxPool2d(2, 1), partial(functional.max_pool2d, kernel_size=2, padding=1),
                nn.AdaptiveAvgPool2d(2), partial(functional.avg_pool2d, kernel_size=3, stride=1,
                padding=1), partial(functional.adaptive_avg_pool2d, output_size=(2, 3)),
            ]  # fmt: skip
        self._put(self.random.choice(choices), at)

    def _alike(self, channels: bool = True) -> tuple[int, list[int]]:
        """A value, and all with its shape."""
        at = self._some()
        shape = self.shapes[at]
        return at, [
            i
            for i, s in enumerate(self.shapes)
            if s[1:] == shape[1:] and (not channels or s == shape)
        ]

    def _sum(self) -> None:
        at, alike = self._alike()
        other, third = self.random.choice(alike), self.random.choice(alike)
        choice = self.random.choice([
            lambda a, b, c: sum([a, b, c]), lambda a, b, c: a - b, lambda a, b, c: a + a,
            lambda a, b, c: torch.add(a, b, alpha=-0.7), lambda a, b, c: torch.sub(a, b, alpha=2),
            lambda a, b, c: (a + b).add_(c), lambda a, b, c: a.sub(b).add(c, alpha=0.5),
            lambda a, b, c: torch.rsub(a, b) * 0.5 + c, lambda a, b, c: a.clone().sub_(a + c),
        ])  # fmt: skip
        self._put(choice, at, other, third)

    def _constant(self) -> None:
        at = self._some()
        channels = self.shapes[at][0]
        each = torch.rand(channels, 1, 1) + 0.5
        choices = [
            lambda v: 1 + v, lambda v: v - 0.3, lambda v: 0.3 - v, lambda v: -v, lambda v: 0.5 * v,
            lambda v: v / 3, lambda v: v + self.bias, lambda v: self.bias - v, lambda v: v * each,
            lambda v: torch.add(0.4, v, alpha=2), lambda v: torch.rsub(v, 1), lambda v: each + v,
            lambda v: v.sub(each, alpha=3), lambda v: v.mul(2).div(each), lambda v: sum([v, 1.0]),
        ]  # fmt: skip
        if self.shapes[at][1:] == (6, 6):
            choices += [lambda v: v + self.buffer, lambda v: self.buffer * v]
        self._put(self.random.choice(choices), at)

    def _cat(self) -> None:
        at, alike = self._alike(channels=False)
        parts = [at, *(self.random.choice(alike) for _ in range(self.random.randint(1, 2)))]
        if sum(self.shapes[i][0] for i in parts) <= 12:
            axis = self.random.choice([1, -3])
            self._put(lambda *v: torch.cat(v, axis), *parts)

    def _again(self) -> None:
        """A module that was used before."""
        at = self._some()
        fit = [
            m for m in self.layers
            if isinstance(m, nn.Conv2d) and m.in_channels == self.shapes[at][0]
            and min(self.shapes[at][1:]) >= 5
        ]  # fmt: skip
        if fit:
            self._put(self.random.choice(fit), at)

    def _view(self) -> None:
        at = self._some()
        choices = [
            lambda v: v[:, :2], lambda v: v.transpose(2, 3), lambda v: v.permute(0, 1, 3, 2),
            lambda v: nn.functional.pad(v, (1, 0, 0, 1)), nn.ZeroPad2d((0, 1, 1, 0)),
            lambda v: v.contiguous().view(v.size(0), -1).reshape(v.shape),
            lambda v: v[:, :, 1:, ...],
        ]  # fmt: skip
        if min(self.shapes[at][1:]) > 1:
            self._put(self.random.choice(choices), at)

    def _head(self) -> None:
        draw, last = self.random, len(self.shapes) - 1
        flat = [lambda v: v.flatten(1), lambda v: v.contiguous().view(v.size(0), -1)]
        if not self.plain:
            flat += [lambda v: v.mean((2, 3)), lambda v: v.sum(3).mean(2), nn.Flatten()]
        self._put(draw.choice(flat), last)
        self._put(nn.Linear(self.shapes[-1][0], 5), last + 1)
        if draw.random() < 0.5:
            self._put(nn.BatchNorm1d(5), last + 2)
        self._put(nn.ReLU() if self.plain else nn.ReLU6(), len(self.shapes) - 1)
        last = len(self.shapes) - 1
        self._put(nn.Linear(5, 5), last)
        self._put(lambda a, b: sum([a, b]), last, last + 1)
        self._put(nn.Linear(5, 4), last + 2)


def drawn(seed: int, plain: bool = False) -> nn.Module:
    """Draw a network, in float64, with weights and statistics large enough to matter."""
    torch.manual_seed(seed)
    model = Drawn(seed, plain=plain).double().eval()
    for parameter in model.parameters():
        parameter.data *= 1.5
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.1, 2)
            nn.init.uniform_(layer.weight, -1, 1.5)
    return model


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


def attacked(
    model: nn.Module, lower: Tensor, upper: Tensor, outputs: int = 4
) -> tuple[Tensor, Tensor]:
    """Walk from the centres of boxes to where each output is small, and to where it is large.

    Returns:
        Smallest and largest values that were met, (M, outputs) each.
    """
    # All walks at once: a row for each sign, output and box.
    rows = torch.cartesian_prod(
        torch.tensor([-1, 1]), torch.arange(outputs), torch.arange(len(lower))
    )
    sign, output, box = rows.unbind(1)
    lower, upper = lower[box], upper[box]
    towards = sign.view(-1, *[1] * (lower.ndim - 1)).to(lower)
    x, best = (lower + upper) / 2, torch.full((len(rows),), -torch.inf).to(lower)
    for step in range(21):
        value = model(x.requires_grad_()).gather(1, output[:, None])[:, 0]
        best = torch.maximum(best, sign * value.detach())
        (slope,) = torch.autograd.grad(value.sum(), x)
        move = towards * slope.sign() * (upper - lower) / (2 + step)
        x = (x.detach() + move).clamp(lower, upper)
    least, most = (sign * best).view(2, outputs, -1)
    return least.T, most.T


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
