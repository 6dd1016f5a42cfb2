"""A dense network: no feature maps, so no CAM and no concepts over places."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class MLP(nn.Module):
    """A dense network: flattened images, hidden layers with ReLU, linear head.

    Args:
        in_channels: C of the images.
        num_classes: number of logits.
        image_size: H = W of the images.
        hidden: size of each hidden layer.
        dropout: share of hidden units dropped in training, in [0, 1].

    Example:
        >>> net = MLP(in_channels=3, num_classes=10, image_size=32, hidden=(16,))
        >>> net(images).shape
        torch.Size([2, 10])
        >>> [tuple(parameter.shape) for parameter in net.parameters()]
        [(16, 3072), (16,), (10, 16), (10,)]
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        image_size: int,
        hidden: Sequence[int] = (256, 128),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = [in_channels * image_size**2, *hidden]
        self.flatten = nn.Flatten()
        self.hidden = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(size, out), nn.ReLU(), nn.Dropout(dropout))
                for size, out in pairwise(sizes)
            )
        )
        self.head = nn.Linear(sizes[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, in_channels, image_size, image_size)."""
        logits: Tensor = self.head(self.hidden(self.flatten(x)))
        return logits
