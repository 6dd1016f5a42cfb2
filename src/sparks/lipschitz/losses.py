"""The hinge-Kantorovich-Rubinstein losses, binary and multiclass.

For f 1-Lipschitz, hKR = (1 - α) · (E f over negatives - E f over positives) + α · hinge, with the
hinge at half the margin: (m/2 - y f)₊. These are torchlip's conventions; the papers' weight λ of
the hinge is α / (1 - α). What a loss remembers belongs to the training and is in its checkpoint, so
the losses are written here rather than taken from torchlip, whose remembers by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.checks import between
from sparks.errors import SparksError
from sparks.training.losses import OfLogits, State

# Bounds of the mean size of logits and of the softmax's temperature, as in the published code.
MEAN_RANGE, TEMPERATURE_RANGE = (0.005, 1000.0), (0.005, 250.0)


@dataclass(frozen=True)
class _HKR(OfLogits):
    """A weighted sum of the two parts.

    Attributes:
        alpha: α, weight of the hinge, in [0, 1]: λ / (1 + λ).
        margin: m; the hinge is 0 where y f ≥ m/2.
    """

    alpha: float = 0.9
    margin: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise SparksError(f"hKR: alpha is {self.alpha}: it must be in [0, 1], λ / (1 + λ)")
        if not self.margin > 0:
            raise SparksError(f"hKR: margin is {self.margin}: it must be positive")

    def of_logits(self, logits: Tensor, labels: Tensor, state: State) -> Tensor:
        """Return the loss, a scalar."""
        negative_kr, hinge = self._parts(logits, labels, state)
        return (1 - self.alpha) * negative_kr + self.alpha * hinge

    def _parts(self, logits: Tensor, labels: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """Return -KR and the hinge, scalars."""
        raise NotImplementedError


@dataclass(frozen=True)
class HKR(_HKR):
    """hKR of two classes and one logit f: label 1 where f > 0, label 0 where f < 0.

    Attributes:
        alpha: α, weight of the hinge, in [0, 1]: λ / (1 + λ).
        margin: m, above 0; the hinge is 0 where y f ≥ m/2.

    Raises:
        SparksError: when a setting is out of range, or logits are not of shape (B, 1).

    Example:
        E f is -1 over negatives and 1 over positives, and all are beyond the margin: 0.1 · -2.

        >>> logits, labels = torch.tensor([[1.0], [-1.0]]), torch.tensor([1, 0])
        >>> HKR(alpha=0.9, margin=1.0).of_logits(logits, labels, {})
        tensor(-0.2000)
    """

    def _parts(self, logits: Tensor, labels: Tensor, state: State) -> tuple[Tensor, Tensor]:
        if logits.shape[1] != 1:
            raise SparksError(f"hKR of two classes wants one logit, not {logits.shape[1]}")
        sign = (2 * labels - 1).to(logits)[:, None]
        return _negative_kr(logits, sign).mean(), (self.margin / 2 - sign * logits).relu().mean()


@dataclass(frozen=True)
class MulticlassHKR(_HKR):
    """hKR of each of K classes against all others, averaged over classes.

    In the hinge the true class counts K - 1 times, as much as all others together.

    Attributes:
        alpha: α, weight of the hinge, in [0, 1]: λ / (1 + λ).
        margin: m, above 0; the hinge is 0 where y f ≥ m/2.

    Raises:
        SparksError: when a setting is out of range.

    Example:
        Each logit is 1 for its own class and -1 for the other, as in `HKR`.

        >>> logits, labels = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), torch.tensor([0, 1])
        >>> MulticlassHKR(alpha=0.9, margin=1.0).of_logits(logits, labels, {})
        tensor(-0.2000)
    """

    def _parts(self, logits: Tensor, labels: Tensor, state: State) -> tuple[Tensor, Tensor]:
        sign = _signs(logits, labels)
        hinge = (self.margin / 2 - sign * logits).relu()
        hinge = torch.where(sign > 0, hinge * (logits.shape[1] - 1), hinge)
        return _negative_kr(logits, sign).mean(), hinge.mean()


@dataclass(frozen=True)
class SoftHKR(_HKR):
    """hKR of the true class against a softmax of the others: the multiclass loss of the paper.

    Attributes:
        alpha: α, weight of the hinge, in [0, 1]: λ / (1 + λ).
        margin: m, above 0; the hinge is 0 where y f ≥ m/2.
        temperature: of the softmax, in units of the margin; higher looks at the closest rival only.
        memory: factor of the moving average of the size of logits, by which it is divided.

    Raises:
        SparksError: when a setting is out of range.

    Example:
        With two classes, the weight of the only rival is 1: the loss is 0.1 · (-1 - 1).

        >>> loss = SoftHKR(alpha=0.9, margin=1.0)
        >>> logits, labels = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), torch.tensor([0, 1])
        >>> loss.of_logits(logits, labels, loss.start())
        tensor(-0.2000)
    """

    temperature: float = 1.0
    memory: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self, 0, math.inf, "temperature")
        between(self, 0, 1, "memory", ends=True)

    def start(self) -> State:
        """Return the initial mean absolute logit: the margin."""
        return {"mean": torch.tensor([self.margin], dtype=torch.float32)}

    def _parts(self, logits: Tensor, labels: Tensor, state: State) -> tuple[Tensor, Tensor]:
        sign = _signs(logits, labels)
        size = logits.detach().abs().mean()
        mean = self.memory * state["mean"] + (1 - self.memory) * size.to(state["mean"])
        state["mean"] = mean.clamp(*MEAN_RANGE)
        scale = (self.temperature * self.margin / mean.clamp(min=self.margin)).to(logits)
        rivals = (scale.clamp(*TEMPERATURE_RANGE) * logits).masked_fill(sign > 0, -torch.inf)
        weights = torch.where(sign > 0, 1.0, rivals.softmax(1))
        signed = sign * logits
        hinge = (self.margin / 2 - signed).relu()
        return -(weights * signed).sum(1).mean(), (weights * hinge).sum(1).mean()


def _signs(logits: Tensor, labels: Tensor) -> Tensor:
    """Return +1 for the true class of each row and -1 for the others, like logits."""
    sign = torch.full_like(logits, -1.0)
    return sign.scatter(1, labels[:, None], 1.0)


def _negative_kr(logits: Tensor, sign: Tensor) -> Tensor:
    """Return the mean of f over negatives minus that over positives, (classes,).

    0 of a side that the batch lacks.
    """
    positive = (sign > 0).to(logits)
    means = [(logits * side).sum(0) / side.sum(0).clamp(min=1) for side in (positive, 1 - positive)]
    return means[1] - means[0]
