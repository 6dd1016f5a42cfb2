"""Gradient ascent on pictures, many at once: argmax E_τ f(τ(x))."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from sparks.checks import between, one_of, whole
from sparks.engine.inference import device_of, evaluating
from sparks.errors import SparksError
from sparks.models.compiled import WORTH_RECORDING, recorded
from sparks.models.device import PRECISIONS, autocast, keeping_casts
from sparks.models.relus import redirecting
from sparks.progress import progress
from sparks.short_repr import short_repr
from sparks.visualization.crops import PAPER, Crops, Cuts
from sparks.visualization.objectives import Objective
from sparks.visualization.parametrisation import MACO, Parametrisation
from sparks.visualization.spectrum import ImageStatistics

# Steps in which gradients pass ReLUs that stop all of them, as in Lucid: noise raises few features
# of a deep layer, and a feature that it does not raise at all would have no gradient.
REDIRECTED = 16


@dataclass(frozen=True, eq=False)
class Pictures:
    """Finished pictures, on the CPU.

    Attributes:
        images: (n, C, H, W) in [0, 1].
        alpha: sum over steps of |∂f/∂x|, channels averaged, (n, H, W); see `transparency`.
        history: objective of each picture at each step, mean over its crops, (steps, n).

    Example:
        >>> pictures
        Pictures(images=Tensor(2, 3, 16, 16), alpha=Tensor(2, 16, 16), history=Tensor(2, 2))
    """

    images: Tensor
    alpha: Tensor
    history: Tensor

    __repr__ = short_repr


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """Gradient ascent on pictures: argmax E_τ f(τ(x)) over pictures x, with crops and noise τ.

    In the first 16 steps gradients also pass ReLUs that would stop all of them, so that a feature
    that a picture does not activate at all has a gradient too (`sparks.models.relus.redirecting`).

    Attributes:
        parametrisation: what pictures are made of.
        crops: what the network sees of them in each step.
        canvas: side of the pictures, relative to that of the statistics.
        seen: side in pixels at which the network sees each crop, for networks that take images of
            any size; None for the size of its input.
        steps: number of steps of the ascent; 256 in the MACO paper.
        batch_size: crops in one forward pass; bounds the memory together with the canvas.
        precision: of the network, one of `sparks.models.device.PRECISIONS`.

    Raises:
        SparksError: when a setting is out of range.

    Example:
        Pictures of both classes, twice as large as the images of 16 x 16 pixels.

        >>> ascent = Ascent(canvas=2.0, steps=2)
        >>> pictures = ascent(logits(model, [0, 1]), statistics, size=(16, 16), seed=0)
        >>> pictures.images.shape, pictures.history.shape
        (torch.Size([2, 3, 32, 32]), torch.Size([2, 2]))
    """

    parametrisation: Parametrisation = field(default_factory=MACO)
    crops: Crops = PAPER
    canvas: float = 1.0
    seen: int | None = None
    steps: int = 256
    batch_size: int = 64
    precision: str = "fp32"

    __repr__ = short_repr

    def __post_init__(self) -> None:
        whole(self, 1, "steps", "batch_size", *(["seen"] if self.seen is not None else []))
        between(self, 0, math.inf, "canvas")
        one_of(self, PRECISIONS, "precision")

    def __call__(
        self,
        objective: Objective,
        statistics: ImageStatistics,
        size: tuple[int, int],
        seed: int = 0,
        description: str = "pictures",
    ) -> Pictures:
        """Make a picture for each objective.

        All pictures have the same start, crops and noise. The same call gives the same pictures,
        and a picture does not depend on the others (up to rounding in the network).

        Args:
            objective: n objectives on one network.
            statistics: of the images the network was trained on.
            size: height and width of the network's input, pixels.
            seed: of the start, the crops and the noise.
            description: label of the progress bar.

        Raises:
            SparksError: when a picture or its objective is no longer finite.
        """
        if self.steps < 1 or self.batch_size < 1 or not len(objective):
            raise SparksError("pictures need an objective, a step and a batch of at least 1")
        if not self.canvas > 0:
            raise SparksError(f"a canvas has a positive side, not {self.canvas} times the images'")
        n = len(objective)
        if self.seen is not None:
            size = (self.seen, self.seen)
        statistics = statistics.resized(self.size(statistics))
        groups = [
            objective.subset(range(start, min(n, start + self.batch_size)))
            for start in range(0, n, self.batch_size)
        ]
        with (
            evaluating(objective.network),
            progress(total=self.steps * n, unit="step", description=description) as bar,
        ):
            parts = [self._group(part, statistics, size, seed, bar.update) for part in groups]
        images, alpha = (torch.cat([part[i] for part in parts]) for i in (0, 1))
        history = torch.cat([part[2] for part in parts], 1)
        _check_finite(objective, images, history)
        return Pictures(images, alpha, history)

    def size(self, statistics: ImageStatistics) -> tuple[int, int]:
        """Return the height and width of the pictures, for statistics of some size."""
        height, width = (max(2, round(self.canvas * side)) for side in statistics.size)
        return height, width

    def _group(
        self,
        objective: Objective,
        statistics: ImageStatistics,
        size: tuple[int, int],
        seed: int,
        done: Callable[[int], object],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the images, alpha and history of at most `batch_size` pictures."""
        n, channels = len(objective), statistics.channels
        device = device_of(objective.network, statistics.magnitude)
        canvas = self.parametrisation.start(statistics, n, seed, device)
        generator = torch.Generator().manual_seed(_second(seed))
        alpha = torch.zeros(n, *statistics.size, device=device)
        history = torch.zeros(self.steps, n, device=device)
        first = objective
        if self.steps >= WORTH_RECORDING:
            shape = (n * min(self.crops.count, self._at_once(n)), channels, *size)
            like = torch.zeros(shape, device=device)
            network = recorded(objective.network, like, self.precision)
            objective = replace(objective, network=network)
        with keeping_casts(self.precision, device):
            for step in range(self.steps):
                share = step / max(self.steps - 1, 1)
                cuts = self.crops.draw(share, statistics.size, size, generator, device)
                noise = self.crops.noise((len(cuts), 1, channels, *size), generator, device)
                image = canvas.image()
                early = step < REDIRECTED
                with redirecting() if early else nullcontext():
                    history[step], gradient = self._gradient(
                        first if early else objective, image.detach(), cuts, noise
                    )
                alpha += gradient.abs().mean(1)
                canvas.update(image, gradient, share)
                done(n)
        with torch.no_grad():
            return canvas.image().cpu(), alpha.cpu(), history.cpu()

    def _at_once(self, n: int) -> int:
        """Return the crops of n pictures that one pass takes."""
        return max(1, self.batch_size // n)

    def _gradient(
        self, objective: Objective, image: Tensor, cuts: Cuts, noise: Tensor | float
    ) -> tuple[Tensor, Tensor]:
        """Return the mean objective over crops (n,), and its gradient (n, C, H, W)."""
        n, canvas = len(image), (image.shape[2], image.shape[3])
        at_once = self._at_once(n)
        scores, gradients = [], []
        for start in range(0, len(cuts), at_once):
            some = slice(start, start + at_once)
            part = cuts.part(some)
            seen = part(image) + (noise[some] if isinstance(noise, Tensor) else noise)
            x = seen.flatten(0, 1).contiguous().requires_grad_()
            index = torch.arange(n, device=image.device).repeat(len(part))
            share = torch.full((len(x),), 1 / len(cuts), device=image.device)
            with autocast(self.precision, image.device):
                values = objective(x, index)
                (gradient,) = torch.autograd.grad(values, x, share.to(values.dtype))
            gradients.append(part.adjoint(gradient.view(len(part), n, *gradient.shape[1:]), canvas))
            scores.append((values.detach() * share).view(len(part), n).sum(0))
        return sum(scores[1:], scores[0]), sum(gradients[1:], gradients[0]).contiguous()


def transparency(alpha: Tensor, quantile: float = 0.8) -> Tensor:
    """Return the opacity of each pixel of a picture: pixels that mattered little are transparent.

    As in the released codes: clipped at a quantile of the picture, then divided by its largest.

    Args:
        alpha: of `Pictures`, (n, H, W).
        quantile: above which pixels are fully opaque, in [0, 1].

    Returns:
        (n, H, W), in [0, 1].

    Example:
        >>> transparency(torch.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]]), quantile=0.75)
        tensor([[[0.2500, 0.5000, 0.7500, 1.0000, 1.0000]]])
    """
    top = alpha.flatten(1).quantile(quantile, 1)[:, None, None]
    return alpha.minimum(top) / top.clamp(min=torch.finfo(alpha.dtype).tiny)


def stretched(images: Tensor, low: float = 0.01, high: float = 0.99) -> Tensor:
    """Rescale each picture from its quantile `low` (0) to `high` (1), as in the released codes.

    Args:
        images: (n, C, H, W), of any values.
        low: quantile that becomes 0.
        high: quantile that becomes 1.

    Returns:
        (n, C, H, W), in [0, 1].

    Example:
        >>> stretched(torch.tensor([[[[0.2, 0.3, 0.4]]]]), low=0.0, high=1.0)
        tensor([[[[0.0000, 0.5000, 1.0000]]]])
    """
    ends = images.flatten(1).quantile(torch.tensor([low, high], dtype=images.dtype), 1)
    dark, bright = ends.view(2, -1, 1, 1, 1)
    shown: Tensor = ((images - dark) / (bright - dark).clamp(min=1e-6)).clamp(0, 1)
    return shown


def on_white(pictures: Pictures) -> Tensor:
    """Return pictures to look at: with full contrast, and white where they matter little.

    See `stretched` and `transparency`.

    Args:
        pictures: n of them.

    Returns:
        (n, C, H, W), in [0, 1].

    Example:
        Four pixels, of which only the last one, a black one, mattered to the network.

        >>> from sparks.visualization import Pictures
        >>> ramp = torch.tensor([0.0, 0.5, 1.0, 0.0]).expand(1, 1, 1, 4)
        >>> alpha = torch.tensor([[[0.0, 0.0, 0.0, 1.0]]])
        >>> on_white(Pictures(ramp, alpha, history=torch.zeros(1, 1))).round(decimals=1)
        tensor([[[[1., 1., 1., 0.]]]])
    """
    opacity = transparency(pictures.alpha)[:, None]
    return stretched(pictures.images) * opacity + (1 - opacity)


def _second(seed: int) -> int:
    """Return a seed for crops and noise, whose stream is not that of any start."""
    return int(np.random.SeedSequence([seed, 1]).generate_state(1, np.uint64)[0])


def _check_finite(objective: Objective, images: Tensor, history: Tensor) -> None:
    fine = images.flatten(1).isfinite().all(1) & history.isfinite().all(0)
    if not bool(fine.all()):
        name = objective.names[int((~fine).nonzero()[0])]
        raise SparksError(
            f"the picture of {name} is no longer finite: the network answers NaN or infinity, or "
            "the rate of the parametrisation is too high"
        )
