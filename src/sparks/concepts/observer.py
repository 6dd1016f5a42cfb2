"""Machine versions of the human tests of concepts: no person was asked.

An answer is the nearest in an embedding that knows nothing of the model: histograms of colours and
of the directions of edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

CHOICES = 5  # crops shown in a trial of the intruder test, as in the paper: chance is 20 %


@dataclass(frozen=True)
class Histograms:
    """Square roots of histograms of colours and of edge directions, at several scales.

    Attributes:
        colours: bins of each channel.
        directions: bins of the edges' directions.
        scales: by which images are reduced before edges are taken.

    Example:
        >>> features = Histograms()(images)
        >>> bool(torch.allclose(features.norm(dim=1), torch.ones(6)))
        True
    """

    colours: int = 4
    directions: int = 8
    scales: Sequence[int] = (1, 2)

    def __call__(self, images: Tensor) -> Tensor:
        """Return the vectors (N, D) of length one, of images (N, C, H, W) in [0, 1]."""
        bins = (images * self.colours).long().clamp(0, self.colours - 1)
        powers = self.colours ** torch.arange(images.shape[1])
        number = (bins * powers[:, None, None]).sum(1).flatten(1)
        count = self.colours ** images.shape[1]
        parts = [self._histogram(number, torch.ones_like(number, dtype=torch.float32), count)]
        grey = images.mean(1, keepdim=True)
        for scale in self.scales:
            small = functional.avg_pool2d(grey, scale) if scale > 1 else grey
            parts.append(self._edges(small[:, 0]))
        return functional.normalize(torch.cat(parts, 1), dim=1)

    def _edges(self, grey: Tensor) -> Tensor:
        down = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
        across = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
        angle = torch.atan2(down, across) / torch.pi  # an edge and its opposite are the same
        number = ((angle % 1) * self.directions).long().clamp(0, self.directions - 1)
        strength = (down**2 + across**2).sqrt()
        return self._histogram(number.flatten(1), strength.flatten(1), self.directions)

    @staticmethod
    def _histogram(number: Tensor, weight: Tensor, count: int) -> Tensor:
        sums = torch.zeros(len(number), count).scatter_add_(1, number, weight)
        return (sums / sums.sum(1, keepdim=True).clamp(min=1e-12)).sqrt()


def intruder(groups: Sequence[Tensor], foreign: Sequence[Tensor], trials: int, seed: int) -> Tensor:
    """Find the crop that belongs to another concept, among five.

    The answer is the crop least similar to the other four on average.

    Args:
        groups: embeddings (m, D) of the crops of each concept; those with m < 4 are left out.
        foreign: for each of them, embeddings of crops of other concepts: the intruders.
        trials: for each concept.
        seed: of the crops that are shown.

    Returns:
        1 where the answer is right, else 0: (concepts · trials,). Chance is 1 / 5.
    """
    generator = torch.Generator().manual_seed(seed)
    right = []
    for group, others in zip(groups, foreign, strict=True):
        if len(group) < CHOICES - 1 or not len(others):
            continue
        for _ in range(trials):
            members = group[torch.randperm(len(group), generator=generator)[: CHOICES - 1]]
            shown = torch.cat([members, others[_draw(len(others), generator)][None]])
            alike = shown @ shown.T
            right.append(float(alike.sum(1).argmin() == CHOICES - 1))
    return torch.tensor(right)


def forced_choice(
    pairs: Sequence[tuple[Tensor, Tensor]], trials: int, seed: int, shown: int = 4
) -> Tensor:
    """Simulate a forced choice: does a crop belong to its sub-concept or to its concept?

    The answer is the cluster whose crops are more similar to it on average.

    Args:
        pairs: for each sub-concept, embeddings of its crops, and of its concept's crops.
        trials: for each of them.
        seed: of the crops that are shown.
        shown: crops of each cluster.

    Returns:
        1 where the sub-concept is chosen, else 0: (pairs · trials,). Chance is 1 / 2.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for sub, concept in pairs:
        if len(sub) <= shown or len(concept) < shown:
            continue
        for _ in range(trials):
            order = torch.randperm(len(sub), generator=generator)
            query, near = sub[order[0]], sub[order[1 : shown + 1]]
            far = concept[torch.randperm(len(concept), generator=generator)[:shown]]
            chosen.append(float((near @ query).mean() > (far @ query).mean()))
    return torch.tensor(chosen)


def _draw(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(n, (), generator=generator))
