"""The engine: scores of N inputs under n masks each, in memory that depends on neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import torch
from torch import Tensor

from sparks.checks import one_of, whole
from sparks.engine.batch_size import find_batch_size
from sparks.engine.designs import FixedMasks
from sparks.engine.inference import (
    Model,
    asked,
    device_of,
    dtype_of,
    evaluating,
    refuse_not_finite,
    select_output,
)
from sparks.engine.perturbations import Baseline
from sparks.errors import SparksError
from sparks.models.compiled import compiled
from sparks.models.device import PRECISIONS, autocast, keeping_casts, to_device
from sparks.models.folded import folded
from sparks.protocols import Masker, Masks, Perturbation
from sparks.short_repr import short_repr

# Below this many batches of the largest size, a probe costs more than it saves.
WORTH_PROBING = 8
DEFAULT_BATCH = 64


@dataclass(frozen=True)
class Engine:
    """Engine that scores masked inputs in batches; its memory depends on `batch_size` alone.

    Attributes:
        batch_size: masked inputs per forward pass, the bound on memory; "auto" finds the fastest
            size up to `largest` by a short probe, once per model, input shape and device. Scores
            depend on it by float error, so only a fixed size gives the same bytes every time.
        precision: "fp32", "tf32" (float32 with products rounded to 10 bits, on GPUs), "bf16"
            (autocast), or "auto" (bf16 where the device has units for it).
        channels_last: give images to the model in channels-last memory format: faster on GPUs. On
            CPUs the weights say how all activations lie (see `sparks.models.folded`).
        largest: bound on the batch size that "auto" may choose.
        compiled: compile the network for full batches (see `sparks.models.compiled`): some ten to
            thirty seconds, once in a process, after which a GPU passes up to twice as many images.

    Raises:
        SparksError: when a setting is out of range, or `compiled` is asked for without a fixed
            `batch_size`.

    Example:
        The score of the whole input, and of the input without its third feature.

        >>> masks = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
        >>> Engine().score(linear, x, None, masks, Vector(3))
        tensor([[3., 1.]])
    """

    batch_size: int | str = 64
    precision: str = "fp32"
    channels_last: bool = False
    largest: int = 256
    compiled: bool = False

    __repr__ = short_repr

    def __post_init__(self) -> None:
        size = self.batch_size
        if size != "auto" and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise SparksError(f"Engine: batch_size={size!r} is not a positive integer, nor 'auto'")
        if self.compiled and size == "auto":
            raise SparksError("Engine: compiled=True needs a batch_size to compile for, not 'auto'")
        one_of(self, PRECISIONS, "precision")
        whole(self, 1, "largest")

    def score(
        self,
        model: Model,
        x: Tensor,
        target: Tensor | None,
        design: Masks,
        masker: Masker,
        perturbation: Perturbation | None = None,
        output: str = "logit",
    ) -> Tensor:
        """Score every input under every mask.

        Args:
            model: batch (b, ...) → logits (b, classes), or scores (b,); see
                `sparks.engine.outputs`. A module is put in evaluation mode meanwhile.
            x: inputs (N, ...), on any device; each chunk is moved to the model's. Images are in
                [0, 1], or in the model's `input_range`.
            target: class of each input, int64 (N,), or as in `sparks.engine.outputs.classes_of`;
                None for a model that returns scores (b,).
            design: masks, or a tensor (n, d) of masks for all inputs, or (N, n, d).
            masker: what a feature is; its d is the design's.
            perturbation: what removing a feature means; black (`Baseline(0)`) by default.
            output: "logit" or "probability".

        Returns:
            Scores, float32 (N, n), on the device of `x`.

        Raises:
            SparksError: when a score is not finite (the input is named), shapes disagree, or
                inputs or targets are none of the above.
        """
        target = asked(model, x, target)
        largest = None if target is None else int(target.max()) if len(target) else 0
        device = device_of(model, x)
        masks = (FixedMasks(design) if isinstance(design, Tensor) else design).to(device)
        if masks.d != masker.d:
            raise SparksError(f"the design has {masks.d} features, the inputs have {masker.d}")
        remove = perturbation or Baseline()
        scores = torch.empty(len(x) * masks.n, device=device)
        goals = None if target is None else to_device(target, device)

        casts = keeping_casts(self.precision, device)
        with torch.inference_mode(), evaluating(model), self._faster(model, x, device), casts:
            forward = partial(self._forward, model, device)
            chunks = self._chunks(model, forward, x, len(scores), device)
            # Pairs are ordered by input: a chunk needs only a slice of x, often that of the last.
            for (first, last), some in groupby(chunks, partial(_inputs_of, n=masks.n)):
                part = _real(x[first : last + 1])
                baseline = remove.baseline(part)
                baseline = None if baseline is None else to_device(baseline, device)
                part = self._laid_out(to_device(part, device))
                for start, stop in some:
                    pairs = torch.arange(start, stop, device=device)
                    images, rows = pairs // masks.n, pairs % masks.n
                    spread = masker.expand(masks.masks(images, rows))
                    if part.dtype == torch.float64:
                        spread = spread.double()
                    sample_index = torch.arange(start, stop) // masks.n - first
                    inputs = remove(part, baseline, sample_index, spread)
                    chosen = None if goals is None else goals[images]
                    scores[start:stop] = select_output(forward(inputs), chosen, output, largest)

        table = scores.view(len(x), masks.n)
        refuse_not_finite(table, "the model's score of input {} under mask {}")
        return table.to(x.device)

    def _forward(self, model: Model, device: torch.device, inputs: Tensor) -> Tensor:
        if inputs.is_floating_point():
            inputs = inputs.to(dtype_of(model) or inputs.dtype)
        with autocast(self.precision, device):
            return model(self._laid_out(inputs))

    def _faster(
        self, model: Model, x: Tensor, device: torch.device
    ) -> AbstractContextManager[object]:
        """Let the model compute the same in less time meanwhile."""
        if self.compiled and isinstance(self.batch_size, int):
            return compiled(model, self.batch_size)
        # Adding a bias to channels that lie last costs a GPU more than the batch norm did.
        return nullcontext() if self.channels_last and device.type == "cuda" else folded(model, x)

    def _laid_out(self, images: Tensor) -> Tensor:
        """Return images in the memory format asked for; masked ones keep that of the images."""
        if self.channels_last and images.ndim == 4:
            return images.contiguous(memory_format=torch.channels_last)
        return images

    def _chunks(
        self, model: Model, forward: Model, x: Tensor, total: int, device: torch.device
    ) -> Iterator[tuple[int, int]]:
        if isinstance(self.batch_size, int):
            size = self.batch_size
        elif total < WORTH_PROBING * self.largest:
            size = min(DEFAULT_BATCH, self.largest)
        else:
            settings = (self.precision, self.channels_last)
            size = find_batch_size(model, forward, x[:1].to(device), self.largest, settings)
        for start in range(0, total, size):
            yield start, min(start + size, total)


def _real(x: Tensor) -> Tensor:
    """Convert half precision to float32, in which inputs are masked."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _inputs_of(chunk: tuple[int, int], n: int) -> tuple[int, int]:
    """Return the first and the last input of pairs start … stop - 1, where each has n masks."""
    start, stop = chunk
    return start // n, (stop - 1) // n
