"""The neural harmonizer's loss: a classifier's gradient shall look like a human map.

Fel, Felipe, Linsley and Serre 2022 (arXiv 2211.04533), by the equations of the released code: with
L_harm as in `harmonizer_loss` and weights v,

    L = classification loss + λ L_harm + decay Σ ‖v‖² / 2
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from sparks.alignment.pyramid import gaussian_pyramid
from sparks.alignment.recipe import RECIPES, Recipe
from sparks.checks import one_of
from sparks.data.labelled import Labelled
from sparks.errors import SparksError
from sparks.training.losses import CrossEntropy, OfLogits, State, Step


class MapSource(Protocol):
    """Source of human maps, one for each training image: `ClickMaps` or `FileMaps`."""

    def __call__(self, data: Labelled, indices: Tensor) -> Tensor:
        """Return maps, float32 (B, H, W), of the inputs at `indices`; constant where unknown."""


def has_map(human: Tensor) -> Tensor:
    """Return tokens (N,) of maps (N, H, W): 0 for a constant map, which holds no information.

    Raises:
        SparksError: when a map holds NaN or infinite values.
    """
    flat = human.flatten(1)
    if not bool(flat.isfinite().all()):
        bad = int((~flat.isfinite().all(1)).nonzero()[0])
        raise SparksError(f"human map {bad} of a batch holds NaN or infinite values: remove it")
    return (flat.amax(1) > flat.amin(1)).to(human.dtype)


def standardise(maps: Tensor, eps: float, bessel: bool = False) -> Tensor:
    """Return Z of maps (N, H, W): less the mean, over the standard deviation, and at least 0.

    Args:
        maps: (N, H, W); each is standardised by itself.
        eps: added to the standard deviation.
        bessel: whether that is of a sample (n - 1 pixels), not of a population.
    """
    mean = maps.mean((1, 2), keepdim=True)
    std = maps.std((1, 2), correction=int(bessel), keepdim=True)
    return ((maps - mean) / (std + eps)).relu()


def harmonizer_loss(
    saliency: Tensor, human: Tensor, tokens: Tensor | None = None, recipe: Recipe | None = None
) -> Tensor:
    """Return L_harm of a batch, a differentiable scalar; 0 where no image has a map.

    It is the mean squared difference between saliency and human map over the levels of a Gaussian
    pyramid P. With saliency s_i = mean over channels of ∂ logit_y / ∂x_i, human map φ_i, and t_i, 1
    where image i has a human map, else 0:

        Z(h)   = ReLU((h - mean h) / (std h + ε))                  standardised, and cut at 0
        ψ_i    = Z(φ_i) / max Z(φ_i) · max Z(s_i)    the last maximum counts as a constant
        L_harm = mean over levels l, images i and pixels of t_i (P_l(Z(s_i)) - P_l(ψ_i))²

    Args:
        saliency: signed, (N, H, W).
        human: human maps, (N, H, W).
        tokens: t (N,), 1 where an image has a human map, else 0; by default 0 where the map is
            constant.
        recipe: which code base to follow; the released one if not given.

    Raises:
        SparksError: when shapes differ, a map is not finite, or the recipe knows no tokens and an
            image has no map.

    Example:
        The loss is 0 where both maps are the same up to scale and offset.

        >>> bool(harmonizer_loss(2 * human - 1, human) < 1e-6)
        True
        >>> bool(harmonizer_loss(human.flip(0), human) > 0.1)  # each has the other's map
        True
    """
    recipe = recipe or Recipe()
    if saliency.ndim != 3 or human.shape != saliency.shape:
        raise SparksError(
            f"human maps of shape {tuple(human.shape)} do not fit saliency maps of shape "
            f"{tuple(saliency.shape)}: both are (N, H, W)"
        )
    there = has_map(human)
    tokens = there if tokens is None else tokens.to(saliency)
    if not recipe.tokens and not bool(tokens.all()):
        raise SparksError(
            "this recipe of the harmonizer wants a human map for every image: leave images "
            "without one out, or use the released recipe"
        )
    ours = standardise(saliency, recipe.eps_std, recipe.bessel)
    theirs = standardise(human, recipe.eps_std, recipe.bessel)
    top = ours.amax((1, 2), keepdim=True)
    top = top.detach() if recipe.stop_gradient else top
    highest = theirs.amax((1, 2), keepdim=True) + recipe.eps_human
    theirs = theirs / highest * (top + recipe.eps_saliency)
    # P is linear: P(a) - P(b) = P(a - b), for half the work.
    pyramid = gaussian_pyramid(ours - theirs, recipe.levels, recipe.padding)
    gaps = [(level**2).mean((1, 2)) for level in pyramid]
    return (tokens * torch.stack(gaps).mean(0)).mean()


def input_gradient(logits: Tensor, labels: Tensor, x: Tensor, create_graph: bool = True) -> Tensor:
    """Return ∂ Σ_i logit_{y_i} / ∂x, of the shape of x, ready to be differentiated again.

    With batch normalisation in training mode, an image's gradient holds what it does to the others'
    logits too, as in the released code.
    """
    chosen = logits.gather(1, labels[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, x, create_graph=create_graph)
    return gradient


# How a gradient (N, C, H, W) becomes the saliency (N, H, W) that the loss sees.
SALIENCIES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda gradient: gradient.mean(1),  # as released: signed, blind to changes of colour
    "norm": lambda gradient: (gradient**2).sum(1).add(1e-20).sqrt(),
}


def visible_energy(gradient: Tensor) -> Tensor:
    """Return the share of a gradient's energy that the mean over channels keeps: (N,) in [0, 1].

    The released loss sees this share alone. It is C Σ_i (mean_c g_ci)² / Σ_ci g_ci², 1 / C where
    channels are independent; 0 where they cancel, as for differences of colour.

    Args:
        gradient: (N, C, H, W).

    Example:
        >>> colour = torch.tensor([1.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 3, 3)
        >>> visible_energy(torch.cat([colour, colour.abs()])).tolist()
        [0.0, 1.0]
    """
    kept = (gradient.mean(1) ** 2).flatten(1).sum(1) * gradient.shape[1]
    return kept / (gradient**2).flatten(1).sum(1).clamp(min=1e-30)


def weight_penalty(model: nn.Module) -> Tensor:
    """Return Σ ‖v‖² / 2 over weights v; normalisations, embeddings and class tokens are spared."""
    spared = {
        id(parameter)
        for module in model.modules()
        if "norm" in type(module).__name__.lower() or isinstance(module, nn.Embedding)
        for parameter in module.parameters(recurse=False)
    }
    kept = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
        and id(parameter) not in spared
        and not any(word in name for word in ("position", "embedding", "class_token"))
    ]
    return torch.stack([(p**2).sum() for p in kept]).sum() / 2


@dataclass(frozen=True)
class Harmonizer:
    """The neural harmonizer: a loss that lets a classifier look where people look.

    It is the classification loss + weight · L_harm (+ decay), to be given to `sparks.training.fit`;
    see `harmonizer_loss` (arXiv 2211.04533). With weight 0, or in a batch without human maps, it is
    the classification loss to the last bit.

    Attributes:
        maps: source of the human maps, such as `ClickMaps` or `FileMaps`.
        weight: λ, 0 or more.
        classification: any loss of logits; hKR makes harmonized 1-Lipschitz networks.
        recipe: a key of `sparks.alignment.RECIPES`.
        micro_batch: images differentiated twice at a time, the bound on memory; None for all. The
            gradients add up to those of the whole batch, but for batch normalisation (whose
            statistics are then the part's) and classification losses that compare images.
        decay: λ_w, of the penalty on weights. 0 where the optimiser decays them.
        saliency: a key of `SALIENCIES`: "mean" over channels as released, or their "norm".

    Raises:
        SparksError: when a setting is out of its range.

    Example:
        The gradient of a linear network is its weights. They come to look like the human maps.

        >>> from torch import nn
        >>> from sparks.alignment import ClickMaps, alignment
        >>> from sparks.training import Settings, fit
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
        >>> settings = Settings(epochs=10, batch_size=2, lr=0.1, precision="fp32")
        >>> loss = Harmonizer(ClickMaps(sigma=0.125), weight=1.0)
        >>> history = fit(net, images, None, settings, loss=loss, device="cpu")
        >>> gradient = net[1].weight.view(2, 3, 32, 32).mean(1)  # of class 0 and of class 1
        >>> bool((alignment(gradient, human)["Dice"] > 0.5).all())
        True
    """

    maps: MapSource
    weight: float = 1.0
    classification: OfLogits = field(default_factory=CrossEntropy)
    recipe: str = "released"
    micro_batch: int | None = None
    decay: float = 0.0
    saliency: str = "mean"

    def __post_init__(self) -> None:
        one_of(self, SALIENCIES, "saliency")
        if self.recipe not in RECIPES:
            raise SparksError(f"harmonizer recipe {self.recipe!r}: use one of {list(RECIPES)}")
        if not (self.weight >= 0 and self.decay >= 0):
            raise SparksError("the harmonizer's weight and decay must be 0 or more")
        if self.micro_batch is not None and self.micro_batch < 1:
            raise SparksError(f"the harmonizer's micro_batch is {self.micro_batch}: at least 1")

    def beside(self, data: Labelled, indices: Tensor) -> Tensor | None:
        """Return human maps (B, 1, H, W)."""
        return self.maps(data, indices)[:, None] if self.weight else None

    def start(self) -> State:
        """Return the initial state of the classification loss."""
        return self.classification.start()

    def terms(self, step: Step, state: State) -> Iterator[Tensor]:
        """Yield one term a part of the batch, and one for the decay."""
        size = len(step.x)
        for start in range(0, size, self.micro_batch or size):
            part = slice(start, start + (self.micro_batch or size))
            term = self._term(step, part, state)
            yield term if self.micro_batch is None else term * (len(step.labels[part]) / size)
        if self.decay:
            yield self.decay * weight_penalty(step.model)

    def _term(self, step: Step, part: slice, state: State) -> Tensor:
        x, labels = step.x[part], step.labels[part]
        human = None if step.beside is None else step.beside[part, 0].float()
        if human is None or not bool(has_map(human).any()):
            return self.classification.of_logits(step.forward(x), labels, state)
        x = x.detach().requires_grad_()
        with twice_differentiable():
            logits = step.forward(x)
        saliency = SALIENCIES[self.saliency](input_gradient(logits, labels, x).float())
        harm = harmonizer_loss(saliency, human, recipe=RECIPES[self.recipe])
        return self.classification.of_logits(logits, labels, state) + self.weight * harm


def twice_differentiable() -> AbstractContextManager[object]:
    """Return a context with attention by plain products: fused kernels differentiate only once."""
    return sdpa_kernel(SDPBackend.MATH)
