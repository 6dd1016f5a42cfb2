"""Strategies of a class: which concept decides each of its images (Fel et al. 2023, holistic)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# A concept is important if it dominates so many images (Lens).
IMPORTANT = 10


@dataclass(frozen=True, eq=False)
class Strategies:
    """Contributions of concepts to a class's logit, and the strategies that they define.

    Attributes:
        contributions: of each concept, (N, k): u · ∂ logit / ∂u, exact at the last layer.
        correct: whether each image is classified right, bool (N,).
    """

    contributions: Tensor
    correct: Tensor

    @property
    def dominant(self) -> Tensor:
        """The concept that contributes most to each image, (N,)."""
        return self.contributions.argmax(1)

    @property
    def counts(self) -> Tensor:
        """Images that each concept dominates, (k,)."""
        return torch.bincount(self.dominant, minlength=self.contributions.shape[1])

    @property
    def prevalence(self) -> Tensor:
        """Share of the images that each concept dominates, (k,); sums to 1."""
        return self.counts / len(self.contributions)

    @property
    def reliability(self) -> Tensor:
        """Accuracy on the images that each concept dominates, (k,); NaN where there are none."""
        right = torch.bincount(
            self.dominant, self.correct.float(), minlength=self.contributions.shape[1]
        )
        return torch.where(self.counts > 0, right / self.counts.clamp(min=1), torch.nan)

    @property
    def shares(self) -> Tensor:
        """Share of each concept in the positive contributions to each image, (N, k)."""
        positive = self.contributions.clamp(min=0)
        return positive / positive.sum(1, keepdim=True).clamp(min=1e-12)

    @property
    def importance(self) -> Tensor:
        """Mean share of each concept in the positive contributions, (k,); sums to 1."""
        return self.shares.mean(0)

    @property
    def strategies(self) -> int:
        """Concepts that dominate at least ten images."""
        return int((self.counts >= IMPORTANT).sum())


def plane(contributions: Tensor, seed: int = 0, perplexity: float = 30.0) -> Tensor:
    """Return two coordinates (N, 2) of each image by t-SNE, near where contributions are alike.

    Runs on one thread, from principal components: the same seed gives the same picture.
    """
    from sklearn.manifold import TSNE

    n = len(contributions)
    if n < 5:
        return torch.zeros(n, 2)
    start = TSNE(
        2, perplexity=min(perplexity, (n - 1) / 3), init="pca", random_state=seed, n_jobs=1
    )
    placed = start.fit_transform(np.asarray(contributions, dtype=np.float32))
    return torch.from_numpy(placed).float()
