"""Models whose explanations are known, and small nets with random weights."""

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """Logits Σ w x + b: everything about it is known in closed form."""

    def __init__(self, *shape: int, classes: int = 3) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(classes, *shape, generator=generator))
        self.bias = nn.Parameter(torch.randn(classes, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.flatten(1).T + self.bias


def random_net(channels: int = 2, classes: int = 3, in_place: bool = False) -> nn.Sequential:
    """A convolutional net with random weights."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1),
        nn.ReLU(inplace=in_place),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(inplace=in_place),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, classes),
    ).eval()


def images(n: int = 3, channels: int = 2, size: int = 8, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, channels, size, size, generator=generator)
    return x, torch.randint(3, (n,), generator=generator)


def vectors(n: int = 3, d: int = 6, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, d, generator=generator), torch.randint(3, (n,), generator=generator)


def cell_sums(values: Tensor, grid: int) -> Tensor:
    """Sums of values (N, C, H, W) over channels and cells: (N, grid * grid)."""
    n, _, height, width = values.shape
    cells = values.sum(1).reshape(n, grid, height // grid, grid, width // grid)
    return cells.sum((2, 4)).flatten(1)


def on_cells(maps: Tensor, grid: int) -> Tensor:
    """Values (N, grid * grid) of maps (N, H, W) that are constant on cells."""
    step = maps.shape[1] // grid
    cells = maps[:, ::step, ::step]
    spread = cells.repeat_interleave(step, 1).repeat_interleave(step, 2)
    torch.testing.assert_close(spread, maps)
    return cells.flatten(1)
