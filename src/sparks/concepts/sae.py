"""Sparse autoencoders: codes by one layer and an activation, concepts by gradient descent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, inf

import torch
from torch import Tensor
from torch.nn import functional

from sparks.checks import between, whole
from sparks.concepts.dictionary import Dictionary, Fit, Method, check, loss_of
from sparks.errors import SparksError

KINDS = ("relu", "topk", "batchtopk")


@dataclass(frozen=True, eq=False, repr=False)
class Sparse(Dictionary):
    """Codes ψ((a - offset) filters + bias).

    Attributes:
        filters: (p, k).
        bias: (k,).
        active: concepts kept of each code (the largest), or None.
        threshold: codes below it are zero.
    """

    filters: Tensor
    bias: Tensor
    active: int | None = None
    threshold: float = 0.0

    def reordered(self, order: Tensor) -> Dictionary:
        """Return the dictionary with its concepts in another order, int64 (k,)."""
        filters, bias = self.filters[:, order], self.bias[order]
        return replace(self, atoms=self.atoms[order], filters=filters, bias=bias)

    def _codes(self, a: Tensor) -> Tensor:
        u = functional.relu((a - self.offset.to(a)) @ self.filters.to(a) + self.bias.to(a))
        if self.active is not None:
            u = top(u, self.active)
        return u * (u > self.threshold)


@dataclass(frozen=True, kw_only=True)
class SAE(Method):
    """u = ψ(W (a - b) + c), atoms of length one, Adam on the squared error.

    Attributes:
        kind: "relu" (with an L1 penalty of the codes), "topk" (Gao et al. 2024: the `active`
            largest of each code), "batchtopk" (Bussmann et al. 2024: the largest of a batch,
            `active` a code on average; afterwards those above a threshold).
        active: concepts of a code that may be non-zero, for "topk" and "batchtopk".
        penalty: weight of the mean L1 norm of codes, for "relu", in units of the data's scale.
        epochs: bound on passes over the activations.
        patience: steps, rounded up to whole epochs, whose mean loss is compared with that of as
            many before. Where it is not lower by more than `tolerance`, the rate is halved.
        tolerance: share of the loss that must be gained.
        halvings: of the rate, after which the loss counts as levelled off and training stops.
        rate: of Adam, at the start.
        batch_size: activations per step.

    Example:
        >>> dictionary = SAE(concepts=2, active=1, epochs=20).fit(activations)
        >>> dictionary.encode(activations).shape
        torch.Size([60, 2])
    """

    kind: str = "topk"
    active: int = 3
    penalty: float = 0.1
    epochs: int = 2000
    patience: int = 100
    tolerance: float = 0.01
    halvings: int = 5
    rate: float = 1e-2
    batch_size: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self, 0, inf, "rate")
        between(self, 0, 1, "tolerance")
        between(self, 0, inf, "penalty", ends=True)
        whole(self, 1, "epochs", "batch_size", "patience", "halvings")
        if self.kind not in KINDS:
            raise SparksError(f"SAE kind {self.kind!r} is unknown: choose one of {KINDS}")
        if not 1 <= self.active <= self.concepts:
            raise SparksError(f"active {self.active} must lie in 1 … {self.concepts} concepts")

    def fit(self, a: Tensor) -> Dictionary:
        """Fit; see `Method`."""
        a = check(a, self.concepts)
        mean = a.mean(0)
        scale = (a - mean).norm(dim=1).mean().clamp(min=1e-12)
        (filters, bias, atoms, centre), least, done, settled = self._train((a - mean) / scale)
        rule = (
            f"the rate was halved {self.halvings} times, each when {self.patience} steps lowered "
            f"the loss by less than {self.tolerance:g} of it"
        )
        sparse = Sparse(
            atoms=atoms,
            offset=mean + scale * centre,
            fit=Fit(f"SAE {self.kind}", self.seed, done, settled, rule, 0.0),
            filters=filters,
            bias=bias * scale,
            active=self.active if self.kind == "topk" else None,
            threshold=float(least * scale) if self.kind == "batchtopk" else 0.0,
        )
        loss = loss_of(a, sparse.encode(a), atoms, sparse.offset)
        return replace(sparse, fit=replace(sparse.fit, loss=loss))

    def _train(self, x: Tensor) -> tuple[list[Tensor], Tensor, int, bool]:
        """Train to the end.

        Returns:
            Filters, bias, atoms and centre; the smallest code kept (a running mean); epochs; and
            whether the loss has levelled off.
        """
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn(self.concepts, x.shape[1], generator=generator)
        atoms = functional.normalize(drawn, dim=1).to(x)
        bias, centre = torch.zeros(self.concepts).to(x), torch.zeros(x.shape[1]).to(x)
        weights = [w.requires_grad_() for w in (atoms.T.clone(), bias, atoms, centre)]
        filters, bias, atoms, centre = weights
        moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
        least, steps = torch.zeros((), device=x.device), 0
        window = ceil(self.patience / ceil(len(x) / self.batch_size))
        plateau = Plateau(self.rate, window, self.tolerance)
        done = 0
        while done < self.epochs and plateau.halvings < self.halvings:
            total, done = torch.zeros((), device=x.device), done + 1
            order = torch.randperm(len(x), generator=generator).to(x.device)
            for rows in torch.split(order, self.batch_size):
                codes = self._select(functional.relu((x[rows] - centre) @ filters + bias))
                loss = (x[rows] - centre - codes @ atoms).square().sum(1).mean()
                if self.kind == "relu":
                    loss = loss + self.penalty * codes.sum(1).mean()
                gradients = torch.autograd.grad(loss, weights)
                steps += 1
                with torch.no_grad():
                    total += loss.detach() * len(rows)
                    for weight, gradient, moment in zip(weights, gradients, moments, strict=True):
                        weight -= plateau.rate * _adam(gradient, moment, steps)
                    atoms.copy_(functional.normalize(atoms, dim=1))
                    if self.kind == "batchtopk" and bool((codes > 0).any()):
                        low = codes[codes > 0].min()
                        least = torch.lerp(least, low, 0.01) if steps > 1 else low
            plateau.note(float(total) / len(x))
        return [w.detach() for w in weights], least, done, plateau.halvings == self.halvings

    def _select(self, codes: Tensor) -> Tensor:
        if self.kind == "topk":
            return top(codes, self.active)
        if self.kind == "batchtopk":
            kept = min(self.active * len(codes), codes.numel())
            return top(codes.reshape(1, -1), kept).reshape(codes.shape)
        return codes


@dataclass
class Plateau:
    """A rate that is halved whenever the loss has levelled off.

    Attributes:
        rate: of the next epoch.
        window: epochs whose mean loss is compared with that of as many epochs before.
        tolerance: share of that loss which must be gained.
        halvings: how often the rate was halved.
    """

    rate: float
    window: int
    tolerance: float
    halvings: int = 0
    losses: list[float] = field(default_factory=list)

    def note(self, loss: float) -> None:
        """Take in the loss of an epoch; every `window` epochs, compare."""
        self.losses.append(loss)
        if len(self.losses) < 2 * self.window:
            return
        before = sum(self.losses[: self.window])
        if before - sum(self.losses[self.window :]) <= self.tolerance * before:
            self.rate /= 2
            self.halvings += 1
        self.losses = self.losses[self.window :]


def _adam(gradient: Tensor, moments: tuple[Tensor, Tensor], step: int) -> Tensor:
    """Return the direction of an Adam step (Kingma & Ba 2015); the moments are updated in place.

    By hand: the first step of `torch.optim` imports a compiler, longer than a fit takes.
    """
    first, second = moments
    first.lerp_(gradient, 0.1)
    second.lerp_(gradient**2, 0.001)
    return first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)


def top(codes: Tensor, count: int) -> Tensor:
    """Keep the `count` largest entries of each row, and set the others to zero."""
    if count >= codes.shape[1]:
        return codes
    values, places = codes.topk(count, dim=1)
    return torch.zeros_like(codes).scatter(1, places, values)
