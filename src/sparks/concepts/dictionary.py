"""Base classes of all dictionaries: atoms, codes, and a record of the fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sparks.checks import between, whole
from sparks.errors import SparksError
from sparks.short_repr import short_repr

# Iterations over which iterative methods compare their loss.
STRIDE = 10
# A loss below this share of ‖A‖² is that of float32's rounding: nothing is left to explain.
ROUNDING = 1e-12


class TooFewDimensions(SparksError):
    """Activations have fewer dimensions than the concepts asked for, and the method needs them."""


@dataclass(frozen=True)
class Fit:
    """Record of a dictionary's fit.

    Attributes:
        method: what fitted it.
        seed: of its random start.
        iterations: how many were made.
        converged: whether the stopping rule was met; else the bound on iterations was.
        rule: the stopping rule, in words.
        loss: ‖A - U V - offset‖² / 2 at the end, for the activations it was fitted on.
    """

    method: str
    seed: int
    iterations: int
    converged: bool
    rule: str
    loss: float


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Concepts: directions in activation space, a ≈ u V + offset.

    Attributes:
        atoms: V, float32 (k, p); its rows are the concepts.
        offset: float32 (p,); zero where the method knows none.
        fit: how it was fitted.
    """

    atoms: Tensor
    offset: Tensor
    fit: Fit

    __repr__ = short_repr

    @property
    def k(self) -> int:
        """Number of concepts."""
        return len(self.atoms)

    def encode(self, a: Tensor) -> Tensor:
        """Return codes u (..., k) of activations a (..., p), usually differentiable."""
        if a.shape[-1] != self.atoms.shape[1]:
            raise SparksError(
                f"activations of {a.shape[-1]} channels do not fit a dictionary of "
                f"{self.atoms.shape[1]}: encode those of the layer that it was fitted on"
            )
        return self._codes(a.reshape(-1, a.shape[-1])).reshape(*a.shape[:-1], self.k)

    def decode(self, u: Tensor) -> Tensor:
        """Return the activations (..., p) of codes (..., k)."""
        return u @ self.atoms.to(u) + self.offset.to(u)

    def reordered(self, order: Tensor) -> Dictionary:
        """Return the dictionary with its concepts in another order, int64 (k,)."""
        return replace(self, atoms=self.atoms[order])

    def _codes(self, a: Tensor) -> Tensor:
        """Return the codes (n, k) of activations (n, p)."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Method:
    """Settings of every dictionary method; `fit` makes a `Dictionary`.

    Attributes:
        concepts: k.
        seed: of the start, and of all else that is random.
    """

    concepts: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        # The settings of all methods: each has some of them.
        counts = ("concepts", "starts", "iterations", "sweeps", "steps", "epochs", "batch_size")
        whole(self, 1, *(name for name in counts if hasattr(self, name)))
        whole(self, 0, "seed")
        shares = ("tolerance", "penalty")
        between(self, 0, math.inf, *(n for n in shares if hasattr(self, n)), ends=True)

    def fit(self, a: Tensor) -> Dictionary:
        """Fit a dictionary to activations a (n, p), on their device.

        Raises:
            SparksError: when activations are not finite, too few, or not such as the method needs.
        """
        raise NotImplementedError


def check(a: Tensor, concepts: int, most: int | None = None) -> Tensor:
    """Return activations as float32, detached.

    Args:
        a: activations.
        concepts: k wanted.
        most: largest k that the method can give, if there is a bound.

    Raises:
        SparksError: when they cannot be factorised.
    """
    a = check_values(a)
    if concepts < 1 or len(a) < concepts:
        raise SparksError(
            f"{concepts} concepts of {len(a)} activations: ask for fewer, or give more images"
        )
    if most is not None and concepts > most:
        raise TooFewDimensions(
            f"{concepts} concepts of {a.shape[1]} channels: at most {most} here; ask for fewer, "
            "or take NMF or an SAE, which can have more concepts than channels"
        )
    return a


def check_values(a: Tensor) -> Tensor:
    """Return activations as float32, detached.

    Raises:
        SparksError: when they are not of shape (n, p), real and finite.
    """
    if a.ndim != 2 or not a.is_floating_point():
        raise SparksError(f"activations are real, of shape (n, p), not {tuple(a.shape)}: pool them")
    bad = (~a.isfinite().all(1)).nonzero()
    if len(bad):
        raise SparksError(f"activation {int(bad[0])} holds NaN or infinite values: check the model")
    return a.detach().float()


def rank_of(a: Tensor) -> int:
    """Return the number of dimensions in which activations (n, p) vary beyond float32 rounding."""
    centred = (a - a.mean(0)).double()
    values = torch.linalg.svdvals(centred)
    # Rounding is relative to the activations, not to their spread.
    rounding = torch.finfo(torch.float32).eps * float(a.double().norm())
    return int((values > rounding).sum())


def refuse_negative(a: Tensor, method: str) -> None:
    """Refuse activations below zero.

    Raises:
        SparksError: naming the ways out.
    """
    if len(a) and float(a.min()) < 0:
        raise SparksError(
            f"activations go down to {float(a.min()):.3g}, but {method} needs them non-negative: "
            "take the output of a ReLU layer, or a method without that bound (SemiNMF, PCA, SAE)"
        )


def loss_of(a: Tensor, u: Tensor, atoms: Tensor, offset: Tensor | None = None) -> float:
    """Return ‖A - U V - offset‖² / 2."""
    rest = a - u @ atoms if offset is None else a - u @ atoms - offset
    return float(rest.double().pow(2).sum() / 2)


def levelled(before: float, after: float, tolerance: float, square: float) -> bool:
    """Return whether a fit has converged: its loss has levelled off, or is rounding error.

    Args:
        before: loss `STRIDE` iterations ago.
        after: loss now.
        tolerance: share of the loss that these iterations must gain to go on.
        square: ‖A‖² of the activations.
    """
    return before - after < tolerance * before or after <= ROUNDING * square


def zeros_like_row(a: Tensor) -> Tensor:
    """Return an offset (p,) of zeros."""
    return torch.zeros(a.shape[1], device=a.device)
