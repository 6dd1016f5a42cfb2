"""Protocols that the library's classes implement: their arguments and results.

A class need not inherit from these: whatever has the same methods will do. A dictionary of concepts
has a base class with code in it instead, `sparks.concepts.dictionary.Dictionary`.

    N  inputs: images in [0, 1] (N, C, H, W); vectors, words or concepts (N, d)
    d  features of an input that a mask can switch (cells, pixels, words, concepts)
    n  masks per input
    b  input × mask pairs in one forward pass
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from sparks.short_repr import short_repr

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sparks.engine.inference import Model


class AttributionMethod(Protocol):
    """Attribution of a model's output to the parts of an input.

    A method that does not suit every model or input may also have `check(model, x)`, which raises
    from one input what a call would raise, at the cost of about one pass.
    """

    def __call__(self, model: Model, x: Tensor, target: Tensor, /) -> Tensor:
        """Explain one output of a model for each input.

        Args:
            model: batch (b, ...) → logits (b, classes), or scores (b,); see
                `sparks.engine.outputs`.
            x: inputs (N, ...). Images are in [0, 1], or in the model's `input_range`.
            target: class to explain of each input, int64 (N,).

        Returns:
            Maps of any values, float32, (N, H, W) for images, (N, d) for vectors; without
            gradients.

        Raises:
            SparksError: when the method does not suit the model or the input, or what comes out
                is not finite.
        """


@dataclass(frozen=True, eq=False)
class Explanation:
    """The input of a metric: maps, and the predictions that they explain.

    Attributes:
        model: that was explained; None for metrics that look at maps alone.
        x: its inputs, (N, ...).
        target: the class explained of each, int64 (N,), or as `sparks.engine.outputs.classes_of`
            has it; None for a model of one score.
        maps: (N, H, W), or (N, d).
        truth: the pixels (or words) that matter, bool like the maps; None where unknown.
        method: that made the maps; None for metrics that do not explain anything again.
    """

    model: Model | None
    x: Tensor
    target: Tensor | None
    maps: Tensor
    truth: Tensor | None = None
    method: AttributionMethod | None = None

    __repr__ = short_repr


class Metric(Protocol):
    """A score of attribution maps, or several that share most of their work."""

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Score the map of each input.

        Returns:
            Name → float32 (N,) on the CPU; NaN, with a warning, where a score does not exist.

        Raises:
            SparksError: when the explanation lacks something that the metric needs, or shapes
                disagree.
        """


class Design(Protocol):
    """`n` masks of `d` features for each input; they are made when they are needed."""

    @property
    def n(self) -> int:
        """Masks per input."""

    @property
    def d(self) -> int:
        """Features per mask."""

    def to(self, device: torch.device) -> Design:
        """Return the design with its tensors on a device; called once, before any mask is made."""

    def masks(self, images: Tensor, rows: Tensor) -> Tensor:
        """Make the masks of some input × row pairs, where the design is.

        Args:
            images: int64 (b,), which inputs.
            rows: int64 (b,), which masks of theirs, 0 … n-1.

        Returns:
            float32 (b, d) in [0, 1]: 1 keeps a feature, 0 removes it.
        """


Masks: TypeAlias = "Design | Tensor"  # the tensor is (n, d), for all inputs, or (N, n, d)


class Masker(Protocol):
    """Mapping from d features to the elements of an input."""

    @property
    def d(self) -> int:
        """Number of features."""

    def expand(self, masks: Tensor) -> Tensor:
        """Spread masks (b, d) so that they multiply inputs: (b, 1, H, W), or (b, d)."""


class Perturbation(Protocol):
    """The removal of features from an input."""

    def baseline(self, x: Tensor) -> Tensor | None:
        """Return the values that replace removed features, made once for all masks of an input.

        Args:
            x: a few inputs (k, ...), on any device.

        Returns:
            (k, ...), on the device of x; None where it depends on no input.
        """

    def __call__(
        self, x: Tensor, baseline: Tensor | None, sample_index: Tensor, masks: Tensor
    ) -> Tensor:
        """Mask inputs.

        Args:
            x: the few inputs of one chunk, (k, ...).
            baseline: what `baseline` makes of them.
            sample_index: int64 (b,), ascending, on the CPU: to which of them each mask belongs.
            masks: masks spread over the inputs, (b, 1, H, W) or (b, d).

        Returns:
            Masked inputs (b, ...).
        """
