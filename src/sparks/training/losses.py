"""Training losses: a `Loss` is what training minimises, cross-entropy unless another is given.

A loss is a frozen dataclass. It yields *terms* whose sum is the loss of a batch; the loop calls
`backward` on each before it asks for the next, so that a loss can bound its memory by splitting the
batch. What a loss must remember from step to step is a dictionary of tensors, its state, which
`fit` also writes to checkpoints.
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
    """One batch that a loss is taken of, on the model's device.

    Attributes:
        model: the network, in training mode.
        forward: inputs to float32 logits (B, classes), at the precision of the training.
        x: inputs (B, ...), augmented.
        labels: int64 (B,).
        beside: what `Loss.beside` returned, augmented as the inputs are, (B, K, H, W), or None.

    Example:
        >>> from sparks.training import CrossEntropy
        >>> x, labels = images.batch(slice(0, 4)), images.labels[:4]
        >>> step = Step(model, forward=model, x=x, labels=labels)
        >>> (term,) = CrossEntropy().terms(step, state={})
        >>> torch.equal(term, nn.functional.cross_entropy(model(x), labels))
        True
    """

    model: nn.Module
    forward: Callable[[Tensor], Tensor]
    x: Tensor
    labels: Tensor
    beside: Tensor | None = None


class Loss(Protocol):
    """A differentiable function of a network and a batch, which `fit` minimises.

    A loss of the logits alone inherits from `OfLogits`. A state, such as a running mean, is kept
    from step to step, and goes into checkpoints.

    Example:
        Cross-entropy with a penalty on large weights.

        >>> from sparks.training import CrossEntropy, accuracy, fit
        >>> class Penalised(CrossEntropy):
        ...     def terms(self, step, state):
        ...         yield from super().terms(step, state)
        ...         yield 0.01 * sum(p.abs().sum() for p in step.model.parameters())
        >>> history = fit(model, images, None, settings, device="cpu", loss=Penalised())
        >>> accuracy(model, images)
        1.0
    """

    def beside(self, data: Labelled, indices: Tensor) -> Tensor | None:
        """Return what the loss needs besides inputs and labels: maps (B, K, H, W), or None.

        Args:
            data: the inputs that are trained on.
            indices: those of the batch, int64 (B,).
        """

    def start(self) -> State:
        """Return the state before the first step: name → tensor."""

    def terms(self, step: Step, state: State) -> Iterator[Tensor]:
        """Yield scalars whose sum is the loss; may change the tensors of `state` in place.

        `fit` differentiates each term before it asks for the next one, which bounds the memory.
        """


@dataclass(frozen=True)
class OfLogits:
    """Base class of losses that are functions of logits and labels alone.

    A subclass defines `of_logits`.

    Example:
        >>> from sparks.training import accuracy, fit
        >>> class Hinge(OfLogits):
        ...     def of_logits(self, logits, labels, state):
        ...         return nn.functional.multi_margin_loss(logits, labels)
        >>> history = fit(model, images, None, settings, device="cpu", loss=Hinge())
        >>> accuracy(model, images)
        1.0
    """

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
        """Return the loss, a scalar, of logits (B, classes) and labels (B,).

        Args:
            logits: float32.
            labels: int64.
            state: of the loss, as `start` returned it, to be changed in place.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class CrossEntropy(OfLogits):
    """Cross-entropy of softmax(logits), averaged over the batch.

    Attributes:
        label_smoothing: share of the target that is spread evenly over all classes, in [0, 1].

    Raises:
        SparksError: when `label_smoothing` is out of its range.

    Example:
        With equal logits of four classes each has probability 1/4, and the loss is log 4.

        >>> loss = CrossEntropy().of_logits(torch.zeros(1, 4), torch.tensor([2]), state={})
        >>> round(float(loss.exp()), 4)
        4.0
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        between(self, 0, 1, "label_smoothing", ends=True)

    def of_logits(self, logits: Tensor, labels: Tensor, state: State) -> Tensor:
        """Return the loss, a scalar, of logits (B, classes) and labels (B,)."""
        return F.cross_entropy(class_logits(logits), labels, label_smoothing=self.label_smoothing)
