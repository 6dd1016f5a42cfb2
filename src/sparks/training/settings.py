"""Settings of training, and the learning rate as a closed form of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sparks.errors import SparksError
from sparks.models.device import PRECISIONS

OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("onecycle", "cosine", "constant")
KEEP = ("best", "last")

# As in torch.optim.lr_scheduler.OneCycleLR: where one-cycle starts and ends, relative to its peak.
START, END = 1 / 25, 1 / 250_000


@dataclass(frozen=True)
class Settings:
    """Settings of one training run.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step; an incomplete last batch is left out (another one each epoch).
        optimizer: "adamw" or "sgd".
        lr: peak learning rate.
        weight_decay: of weight matrices and kernels; biases and normalisations are spared.
        momentum: of SGD; ignored by AdamW.
        nesterov: Nesterov's momentum, for SGD.
        schedule: "onecycle" (cosine up over `warmup`, cosine down to almost 0; Smith 2018),
            "cosine" (linear up over `warmup`, cosine down to 0), or "constant" after `warmup`.
        warmup: share of all steps in which the learning rate rises, in [0, 1).
        label_smoothing: share of the target spread evenly over all classes.
        precision: "fp32", "tf32" (float32 with products rounded to 10 bits, on GPUs), "bf16"
            (autocast), or "auto" (bf16 on GPUs that have units for it). Networks with 1-Lipschitz
            layers are trained in fp32 whatever it says.
        flip: mirror images at random. Off where a mirrored image is of another class (digits).
        shift: move images at random by up to so many pixels; borders are repeated.
        crop_area: least and greatest share of an image's area that a random crop shows, enlarged
            to the image's size; (1, 1) for whole images.
        validation: share of the training images held out to validate on; 0 for none.
        patience: stop after so many epochs without a better validation accuracy; None for never.
        keep: weights to end with, those of the "best" epoch on validation data or of the "last".

    Raises:
        SparksError: when a setting is out of its range.

    Example:
        >>> Settings(epochs=90, optimizer="sgd", lr=0.1, schedule="cosine").momentum
        0.9
        >>> Settings(epochs=0)
        Traceback (most recent call last):
        sparks.errors.SparksError: training.epochs is 0: it must be at least 1
    """

    epochs: int
    batch_size: int = 128
    optimizer: str = "adamw"
    lr: float = 3e-3
    weight_decay: float = 0.05
    momentum: float = 0.9
    nesterov: bool = True
    schedule: str = "onecycle"
    warmup: float = 0.2
    label_smoothing: float = 0.0
    precision: str = "auto"
    flip: bool = False
    shift: int = 0
    crop_area: Sequence[float] = (1.0, 1.0)
    validation: float = 0.1
    patience: int | None = None
    keep: str = "last"

    def __post_init__(self) -> None:
        for key, allowed in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
            ("keep", KEEP),
        ):
            if (value := getattr(self, key)) not in allowed:
                raise SparksError(f"training.{key} is {value!r}: use one of {', '.join(allowed)}")
        for key, fits, wanted in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("lr", self.lr > 0, "positive"),
            ("weight_decay", self.weight_decay >= 0, "0 or more"),
            ("momentum", 0 <= self.momentum < 1, "in [0, 1)"),
            ("nesterov", self.momentum > 0 or not self.nesterov, "false where momentum is 0"),
            ("warmup", 0 <= self.warmup < 1, "in [0, 1)"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "in [0, 1)"),
            ("shift", self.shift >= 0, "0 or more"),
            ("crop_area", _shares(self.crop_area), "two shares in (0, 1], the smaller one first"),
            ("validation", 0 <= self.validation < 1, "in [0, 1)"),
            ("patience", self.patience is None or self.patience >= 1, "null or at least 1"),
        ):
            if not fits:
                raise SparksError(f"training.{key} is {getattr(self, key)}: it must be {wanted}")


def _shares(area: Sequence[float]) -> bool:
    return len(area) == 2 and 0 < area[0] <= area[1] <= 1


def learning_rate(step: int, steps: int, settings: Settings) -> float:
    """Return the learning rate of a step.

    It is a closed form, so that a resumed run needs no state of a scheduler.

    Args:
        step: counted from 0.
        steps: number of steps of the whole training.
        settings: of which `lr`, `schedule` and `warmup` count.

    Example:
        Along half a cosine wave, half of the peak is left in the middle.

        >>> cosine = Settings(epochs=1, lr=1.0, schedule="cosine", warmup=0)
        >>> [round(learning_rate(step, 4, cosine), 2) for step in range(4)]
        [1.0, 0.85, 0.5, 0.15]
    """
    peak, rise = settings.lr, settings.warmup * steps
    if settings.schedule == "onecycle":
        # The top is reached at step `rise - 1` and the end at `steps - 1`, as in PyTorch.
        top, last = rise - 1, steps - 1
        if step <= top:
            return _cosine(START * peak, peak, step / top if top > 0 else 1.0)
        return _cosine(peak, END * peak, (step - top) / (last - top))
    if step < rise:
        return peak * (step + 1) / (math.floor(rise) + 1)
    if settings.schedule == "constant":
        return peak
    return _cosine(peak, 0.0, (step - rise) / (steps - rise))


def _cosine(start: float, end: float, share: float) -> float:
    """Return the value at a share of the way from `start` to `end`, along half a cosine wave."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
