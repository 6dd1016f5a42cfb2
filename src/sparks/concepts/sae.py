"""Sparse autoencoders: codes by one layer and an activation, concepts by gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from math import ceil, inf

import torch
from torch import Tensor
from torch.nn import functional

from sparks.checks import between, one_of, whole
from sparks.concepts.dictionary import Dictionary, Fit, Method, check, loss_of
from sparks.concepts.sae_codes import top
from sparks.concepts.sae_kinds import KINDS, Kind, Weights
from sparks.concepts.streams import Stream
from sparks.errors import SparksError
from sparks.models.device import PRECISIONS, autocast

SAMPLE = 2**15  # activations of a stream that give its mean and its scale
IDLE = 100  # steps without a use after which an atom is revived
REVIVED = 1 / 32  # weight of the loss that revives atoms (Gao et al. 2024)

Batches = Callable[[int], Iterator[Tensor]]  # number of an epoch → batches (b, p)


@dataclass(frozen=True, kw_only=True)
class Descent:
    """Settings of an autoencoder's training: Adam at a rate that falls as the loss levels off.

    Attributes:
        epochs: bound on passes over the activations.
        patience: steps, rounded up to whole epochs, whose mean loss is compared with that of as
            many before. Where it is not lower by more than `tolerance`, the rate is halved.
        tolerance: share of the loss that must be gained.
        halvings: of the rate, after which the loss counts as levelled off and training stops.
        rate: of Adam, at the start.
        batch_size: activations per step; of a stream, its batches are the steps.
        precision: of the products in a step, one of `sparks.models.device.PRECISIONS`; weights and
            the loss are float32. With "bf16", large dictionaries train faster on processors that
            have units for it.

    Raises:
        SparksError: when a setting is out of its range.
    """

    epochs: int = 2000
    patience: int = 100
    tolerance: float = 0.01
    halvings: int = 5
    rate: float = 1e-2
    batch_size: int = 256
    precision: str = "fp32"

    def __post_init__(self) -> None:
        one_of(self, PRECISIONS, "precision")
        between(self, 0, inf, "rate")
        between(self, 0, 1, "tolerance")
        whole(self, 1, "epochs", "batch_size", "patience", "halvings")

    def _autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Return the context of a step, which casts the weights anew: each step changes them."""
        if self.precision == "fp32":
            return nullcontext()
        return autocast(self.precision, device, cached=False)

    @property
    def rule(self) -> str:
        """Return the stopping rule, in words."""
        return (
            f"the rate was halved {self.halvings} times, each when {self.patience} steps lowered "
            f"the loss by less than {self.tolerance:g} of it"
        )


@dataclass(frozen=True, kw_only=True)
class SAE(Descent, Method):
    """u = ψ(W (a - b) + c), atoms of length one, Adam on the squared error.

    Attributes:
        kind: "relu" (with an L1 penalty of the codes), "topk" (Gao et al. 2024: the `active`
            largest of each code), "batchtopk" (Bussmann et al. 2024: the largest of a batch,
            `active` a code on average; afterwards those above a threshold), "jumprelu"
            (Rajamanoharan et al. 2024: a threshold for each concept, `active` a code on average),
            "gated" (Rajamanoharan et al. 2024, with an L1 penalty), "matryoshka" (Bussmann et al.
            2025: batchtopk whose first atoms must do alone), "pursuit" (Costa et al. 2025: matching
            pursuit of `active` steps), "archetypal" (Fel et al. 2025: topk whose atoms are near
            mixtures of activations).
        active: concepts of a code that may be non-zero, for all but "relu" and "gated".
        penalty: weight of the loss of sparsity, for "relu" and "gated" in units of the data's
            scale, and for "jumprelu".
        revive: whether atoms that no activation has used for 100 steps are trained on what the
            others leave (Gao et al. 2024), for "topk", "batchtopk", "matryoshka", "archetypal".

    Example:
        >>> dictionary = SAE(concepts=2, active=1, epochs=20).fit(activations)
        >>> dictionary.encode(activations).shape
        torch.Size([60, 2])
    """

    kind: str = "topk"
    active: int = 3
    penalty: float = 0.1
    revive: bool = False

    def __post_init__(self) -> None:
        Method.__post_init__(self)
        Descent.__post_init__(self)
        between(self, 0, inf, "penalty", ends=True)
        if self.kind not in KINDS:
            raise SparksError(f"SAE kind {self.kind!r} is unknown: choose one of {tuple(KINDS)}")
        if not 1 <= self.active <= self.concepts:
            raise SparksError(f"active {self.active} must lie in 1 … {self.concepts} concepts")
        if self.revive and not KINDS[self.kind].revivable:
            able = [name for name, kind in KINDS.items() if kind.revivable]
            raise SparksError(f"SAE kind {self.kind!r} revives no atoms: one of {able} does")

    def fit(self, a: Tensor | Stream) -> Dictionary:
        """Fit; see `Method`.

        Args:
            a: activations (n, p), or a stream of them, which is never in memory as a whole.
        """
        sample = check(a.sample(SAMPLE) if isinstance(a, Stream) else a, self.concepts)
        mean = sample.mean(0)
        scale = (sample - mean).norm(dim=1).mean().clamp(min=1e-12)
        x = (sample - mean) / scale
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn(self.concepts, x.shape[1], generator=generator)
        kind = KINDS[self.kind](self.concepts, self.active, self.penalty, self.seed)
        weights = kind.weights(functional.normalize(drawn, dim=1).to(x), x)
        if isinstance(a, Stream):
            batches = _standardised(a, mean, scale)
        else:
            batches = shuffled(x, self.batch_size, generator)
        done, settled = self._train(kind, weights, batches)
        fit = Fit(f"SAE {self.kind}", self.seed, done, settled, self.rule, 0.0)
        fitted = kind.finished(weights, mean, scale, fit)
        rows = a(0) if isinstance(a, Stream) else iter([sample])
        loss = sum(loss_of(r, fitted.encode(r), fitted.atoms, fitted.offset) for r in rows)
        return replace(fitted, fit=replace(fit, loss=loss))

    def _train(self, kind: Kind, weights: Weights, batches: Batches) -> tuple[int, bool]:
        """Train to the end, weights in place; return epochs, and whether the loss levelled off."""
        trained = [w.requires_grad_() for w in weights.values()]
        moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in trained]
        idle = torch.zeros(self.concepts, device=trained[0].device)
        plateau, steps, done = Plateau(self.rate, self.patience, self.tolerance), 0, 0
        while done < self.epochs and plateau.halvings < self.halvings:
            total, rows, first = torch.zeros((), device=idle.device), 0, steps
            for x in batches(done):
                with self._autocast(x.device):
                    codes, added = kind.codes(x - weights["centre"], weights)
                    left = x - weights["centre"] - codes @ kind.atoms(weights)
                    loss = left.square().sum(1).mean()
                    if added is not None:
                        loss = loss + added
                    if self.revive and bool((idle >= IDLE).any()):
                        loss = loss + REVIVED * self._revival(kind, weights, x, left, idle >= IDLE)
                gradients = torch.autograd.grad(loss, trained)
                steps += 1
                with torch.no_grad():
                    total += loss.detach() * len(x)
                    rows += len(x)
                    for weight, gradient, moment in zip(trained, gradients, moments, strict=True):
                        weight -= plateau.rate * adam(gradient, moment, steps)
                    kind.constrain(weights)
                    kind.note(codes)
                    idle = torch.where((codes > 0).any(0), 0, idle + 1)
            done += 1
            plateau.note(float(total) / max(rows, 1), steps - first)
        for name, weight in weights.items():
            weights[name] = weight.detach()
        return done, plateau.halvings == self.halvings

    def _revival(
        self, kind: Kind, weights: Weights, x: Tensor, left: Tensor, unused: Tensor
    ) -> Tensor:
        """Return the error of explaining, by unused atoms alone, what the others leave."""
        codes = top(kind.before(x - weights["centre"], weights) * unused, 2 * self.active)
        return (left.detach() - codes @ kind.atoms(weights)).square().sum(1).mean()


def shuffled(x: Tensor, size: int, generator: torch.Generator) -> Batches:
    """Return batches of activations (n, p), in an order of its own in each epoch."""

    def batches(epoch: int) -> Iterator[Tensor]:
        order = torch.randperm(len(x), generator=generator).to(x.device)
        for rows in torch.split(order, size):
            yield x[rows]

    return batches


def _standardised(stream: Stream, mean: Tensor, scale: Tensor) -> Batches:
    def batches(epoch: int) -> Iterator[Tensor]:
        for batch in stream(epoch):
            yield (batch - mean) / scale

    return batches


@dataclass
class Plateau:
    """A rate that is halved whenever the loss has levelled off.

    Attributes:
        rate: of the next epoch.
        steps: whose mean loss is compared with that of as many before, in whole epochs.
        tolerance: share of that loss which must be gained.
        halvings: how often the rate was halved.
    """

    rate: float
    steps: int
    tolerance: float
    halvings: int = 0
    losses: list[float] = field(default_factory=list)

    def note(self, loss: float, steps: int) -> None:
        """Take in the loss of an epoch of some steps; every so many epochs, compare."""
        self.losses.append(loss)
        window = ceil(self.steps / max(steps, 1))
        if len(self.losses) < 2 * window:
            return
        before = sum(self.losses[:window])
        if before - sum(self.losses[window:]) <= self.tolerance * before:
            self.rate /= 2
            self.halvings += 1
        self.losses = self.losses[window:]


def adam(gradient: Tensor, moments: tuple[Tensor, Tensor], step: int) -> Tensor:
    """Return the direction of an Adam step (Kingma & Ba 2015); the moments are updated in place.

    By hand: the first step of `torch.optim` imports a compiler, longer than a fit takes.
    """
    first, second = moments
    first.lerp_(gradient, 0.1)
    second.lerp_(gradient**2, 0.001)
    return first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
