"""ResNet18 for small images, its width and dropout free."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from sparks.errors import SparksError
from sparks.models.convnet import Block

STRIDES = (1, 2, 2, 2)


class ResNet18(nn.Module):
    """A ResNet of 18 layers for small images (after He et al. 2016).

    Stem, four stages of two residual blocks, global average, dropout, linear head. The stem is one
    3 × 3 convolution without stride, the stages have f, 2f, 4f and 8f filters. The last feature
    maps are an eighth of the image a side, and non-negative.

    Args:
        in_channels: C of the images.
        num_classes: number of logits.
        filters: f, those of the first stage.
        dropout: share of the pooled features dropped in training, in [0, 1).

    Raises:
        SparksError: when `filters` or `dropout` is out of its range.

    Example:
        >>> net = ResNet18(in_channels=3, num_classes=10, filters=4)
        >>> net(images).shape
        torch.Size([2, 10])
        >>> net.stages(net.stem(images)).shape  # 8 f filters, an eighth of the side
        torch.Size([2, 32, 4, 4])
    """

    layout = "NCHW"

    def __init__(
        self, in_channels: int, num_classes: int, filters: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if filters < 1 or not 0 <= dropout < 1:
            raise SparksError(
                f"filters is {filters} and dropout {dropout}: use at least 1, and a share in [0, 1)"
            )
        widths = [filters, *(filters * 2**stage for stage in range(4))]
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
        )
        self.stages = nn.Sequential(
            *(
                nn.Sequential(Block(width, out, stride), Block(out, out))
                for (width, out), stride in zip(pairwise(widths), STRIDES, strict=True)
            )
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, in_channels, H, W)."""
        features = self.flatten(self.pool(self.stages(self.stem(x))))
        logits: Tensor = self.head(self.dropout(features))
        return logits
