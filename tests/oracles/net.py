"""The small network that peers and this project explain; both sides import it."""

import torch
from torch import nn


def network() -> nn.Sequential:
    """A convolutional net with random weights: images (N, 3, 64, 64) to logits (N, 4)."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(192, 4),
    ).eval()
