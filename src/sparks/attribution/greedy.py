"""Greedy search for the cells through which an attack flips the class most easily."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from sparks.engine.inference import Model, asked
from sparks.engine.maskers import cells_of
from sparks.engine.seeds import generators
from sparks.errors import SparksError
from sparks.verification.attack import Attack


@dataclass(frozen=True, kw_only=True)
class Greedy:
    """Greedy-AS (Hsieh et al. 2021) and Greedy-AO (Fel et al. 2023): greedy by set aggregation.

    In every round, random subsets of the cells not yet chosen join those chosen; an attack limited
    to each such set gives it a value; a least-squares fit of the values to membership scores
    the cells, and the best join the chosen for good. A map orders cells by round, then by score.

    Attributes:
        objective: "distance", minus the smallest epsilon that flips the class (Greedy-AS), or
            "overlap", the largest margin of another class within `epsilon` (Greedy-AO).
        grid: cells a side, at most one a pixel.
        rounds: of the search.
        subsets: drawn in each round. With fewer than there are cells (grid²) the fit of one
            coefficient a cell is underdetermined, and maps show little but noise.
        epsilon: the largest distance tried, or the radius of the overlap's ball.
        bisections: of the distance.
        attack: the attack.
        resize: how the values of cells become a map.
        seed: of the subsets.

    Example:
        The feature that an attack exploits first gets the largest value, d.

        >>> Greedy(rounds=3, subsets=8)(linear, x, target)[0, 2]
        tensor(3.)
    """

    objective: str = "distance"
    grid: int = 12
    rounds: int = 6
    subsets: int = 64
    epsilon: float = 1.0
    bisections: int = 5
    attack: Attack = field(default_factory=Attack)
    resize: str = "nearest"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.objective not in ("distance", "overlap"):
            raise SparksError(
                f"Greedy: objective {self.objective!r} is not 'distance' or 'overlap'"
            )

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W), or (N, d) for vectors, that explain the classes `target` (N,)."""
        classes = asked(model, x, target)
        if classes is None:
            raise SparksError("Greedy needs the class of each input: name it (target)")
        features = cells_of(x, min([self.grid, *x.shape[2:]]), resize=self.resize)
        draws = generators(x, self.seed)
        d = features.d
        chosen = torch.zeros(len(x), d, dtype=torch.bool)
        importance = torch.zeros(len(x), d)
        for done in range(self.rounds):
            many = d * (done + 1) // self.rounds - d * done // self.rounds
            if many == 0:
                continue
            # Each cell left joins half of the subsets.
            joins = torch.stack([torch.rand(self.subsets, d, generator=g) < 0.5 for g in draws])
            member = (joins & ~chosen[:, None]) | chosen[:, None]
            spread = features.expand(member.flatten(0, 1).float()).to(x.device)
            sample_index = torch.arange(len(x), device=x.device).repeat_interleave(self.subsets)
            value = self._value(model, x[sample_index], classes.to(x.device)[sample_index], spread)
            score = _fit(joins & ~chosen[:, None], value.view(len(x), self.subsets).cpu())
            # Where no set flips the class all cells are equal: in random order then.
            score += 1e-6 * torch.stack([torch.rand(d, generator=g) for g in draws])
            score[chosen] = -torch.inf
            best = torch.argsort(score, dim=1, descending=True, stable=True)[:, :many]
            # Earlier rounds above later ones; within a round by rank.
            ranks = torch.linspace(1, 0, many + 1)[:-1].expand(len(x), -1)
            importance.scatter_(1, best, self.rounds - done - 1 + ranks)
            chosen.scatter_(1, best, True)
        return features.to_map(importance).to(x.device)

    def _value(self, model: Model, x: Tensor, target: Tensor, free: Tensor) -> Tensor:
        """Return the objective of an attack through each set of cells; higher is better."""
        free = free.expand_as(x)
        if self.objective == "overlap":
            epsilon = torch.full((len(x),), self.epsilon, device=x.device)
            return self.attack(model, x, target, free, epsilon)
        return -self.attack.distance(model, x, target, free, self.epsilon, self.bisections)


def _fit(member: Tensor, value: Tensor) -> Tensor:
    """Return coefficients (N, d) of the least-squares fit of values (N, s) to sets (N, s, d)."""
    a = member.double()
    a = a - a.mean(1, keepdim=True)
    b = value.double() - value.double().mean(1, keepdim=True)
    # A ridge as small as one subset: there may be fewer subsets than cells.
    gram = a.mT @ a + torch.eye(a.shape[2], dtype=a.dtype)
    solved: Tensor = torch.linalg.solve(gram, (a.mT @ b[:, :, None])[:, :, 0])
    return solved.float()
