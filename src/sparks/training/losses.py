"""Training losses: a `Loss` is what training minimises, cross-entropy unless another is given.

A loss is a frozen dataclass. It yields *terms* whose sum is the loss of a batch; the loop calls
`backward` on each before it asks for the next, so that a loss can bound its memory by splitting the
batch. What a loss must remember from step to step is a dictionary of tensors that the loop keeps,
and writes to the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn
from torch.nn import functional as F

from sparks.checks import between
from sparks.data.labelled import Labelled
from sparks.engine.outputs import class_logits

State = dict[str, Tensor]


@dataclass(frozen=True)
class Step:
    """One batch, on the model's device.

    Attributes:
        model: in training mode.
        forward: inputs to float32 logits (B, classes), at the precision of the training.
        x: inputs (B, ...), augmented.
        labels: int64 (B,).
        beside: what `Loss.beside` gave, augmented with the inputs, (B, K, H, W), or None.
    """

    model: nn.Module
    forward: Callable[[Tensor], Tensor]
    x: Tensor
    labels: Tensor
    beside: Tensor | None = None


class Loss(Protocol):
    """A differentiable function of the model on a batch."""

    def beside(self, data: Labelled, indices: Tensor) -> Tensor | None:
        """Return what the loss needs besides inputs and labels: maps (B, K, H, W), or None."""

    def start(self) -> State:
        """Return the state before the first step."""

    def terms(self, step: Step, state: State) -> Iterator[Tensor]:
        """Scalars whose sum is the loss; may change `state`."""


@dataclass(frozen=True)
class OfLogits:
    """A loss that is a function of logits and labels alone."""

    def beside(self, data: Labelled, indices: Tensor) -> Tensor | None:
        """Return None: nothing is needed besides labels."""
        return None

    def start(self) -> State:
        """Return an empty state."""
        return {}

    def terms(self, step: Step, state: State) -> Iterator[Tensor]:
        """Yield the loss of the whole batch as a single term."""
        yield self.of_logits(step.forward(step.x), step.labels, state)

    def of_logits(self, logits: Tensor, labels: Tensor, state: State) -> Tensor:
        """Return the loss, a scalar, of logits (B, classes) and labels (B,)."""
        raise NotImplementedError


@dataclass(frozen=True)
class CrossEntropy(OfLogits):
    """Cross-entropy of softmax(logits), averaged over the batch.

    Attributes:
        label_smoothing: share of the target spread evenly over all classes.
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        between(self, 0, 1, "label_smoothing", ends=True)

    def of_logits(self, logits: Tensor, labels: Tensor, state: State) -> Tensor:
        """Return the loss, a scalar."""
        return F.cross_entropy(class_logits(logits), labels, label_smoothing=self.label_smoothing)
