"""A small vision transformer (Dosovitskiy et al. 2021), traceable by torch.fx.

As in Beyer et al. 2022 (Better plain ViT baselines): no class token, the tokens are averaged.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparks.errors import SparksError


class ViTTiny(nn.Module):
    """A small vision transformer: patches, transformer blocks, average over tokens, linear head.

    After Dosovitskiy et al. 2021, without class token as in Beyer et al. 2022.

    Args:
        in_channels: C of the images.
        num_classes: number of logits.
        image_size: H = W of the images.
        patch_size: side of a patch in pixels; None for 8 × 8 patches an image (4 × 4 for images of
            8 × 8 pixels).
        dim: size of a token.
        depth: number of blocks.
        heads: of the attention; divides `dim`.
        dropout: share of units dropped in training, in [0, 1].

    Raises:
        SparksError: when a patch is larger than the image, or `heads` does not divide `dim`.

    Example:
        Images of 32 × 32 pixels have 16 patches of 8 × 8 pixels.

        >>> net = ViTTiny(3, num_classes=10, image_size=32, patch_size=8, dim=8, depth=1)
        >>> net(images).shape
        torch.Size([2, 10])
        >>> net.position.shape  # a vector for each of the tokens
        torch.Size([1, 16, 8])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        image_size: int,
        patch_size: int | None = None,
        dim: int = 96,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        patch = max(2, image_size // 8) if patch_size is None else patch_size
        if image_size < patch or dim % heads:
            raise SparksError(
                f"patch_size {patch} must be at most image_size {image_size}, "
                f"and heads {heads} must divide dim {dim}"
            )
        tokens = (image_size // patch) ** 2
        self.patches = nn.Conv2d(in_channels, dim, patch, patch)
        self.position = nn.Parameter(torch.empty(1, tokens, dim))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.blocks = nn.Sequential(*(TransformerBlock(dim, heads, dropout) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, in_channels, image_size, image_size)."""
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.position
        logits: Tensor = self.head(self.norm(self.blocks(tokens)).mean(1))
        return logits


class TransformerBlock(nn.Module):
    """Self-attention, then a dense network on each token, both residual and normalised first.

    Args:
        dim: size of a token.
        heads: of the attention; divides `dim`.
        dropout: share of units dropped in training.
    """

    def __init__(self, dim: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.dense = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.dropout1 = nn.Dropout(dropout)
        self.dropout2 = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens (N, T, dim) of tokens (N, T, dim)."""
        x = x + self.dropout1(self.attention(self.norm1(x)))
        result: Tensor = x + self.dropout2(self.dense(self.norm2(x)))
        return result


class Attention(nn.Module):
    """Multi-head self-attention.

    Args:
        dim: size of a token.
        heads: number of heads; divides `dim`.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens (N, T, dim) of tokens (N, T, dim)."""
        q, k, v = self.query_key_value(x).chunk(3, dim=-1)
        # (N, T, dim) -> (N, heads, T, dim / heads)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v)
        tokens: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return tokens
