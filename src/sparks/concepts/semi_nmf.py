"""Factorisations for activations of either sign: Semi-NMF and Convex-NMF (Ding et al. 2010)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.concepts.dictionary import (
    STRIDE,
    Dictionary,
    Fit,
    Method,
    check,
    levelled,
    loss_of,
    zeros_like_row,
)
from sparks.concepts.nmf import NonNegative, sweep


@dataclass(frozen=True, kw_only=True)
class _Alternating(Method):
    """U >= 0 by sweeps of coordinate descent, V as each method says; the loss never rises.

    Attributes:
        iterations: bound on iterations.
        tolerance: stop when ten iterations together lower the loss by less than this share.
        sweeps: of U in an iteration.
    """

    iterations: int = 500
    tolerance: float = 1e-4
    sweeps: int = 2

    def fit(self, a: Tensor) -> Dictionary:
        """Fit; see `Method`. The start is K-Means, as in the paper."""
        a = check(a, self.concepts)
        labels = _clusters(a, self.concepts, self.seed)
        # One-hot plus 0.2: the paper's start, which lets every entry grow.
        codes = torch.nn.functional.one_hot(labels, self.concepts).to(a).T + 0.2
        state = self._begin(a, codes)
        losses: list[float] = []
        square, settled = float(a.double().pow(2).sum()), False
        for _ in range(self.iterations):
            state = self._improve(a, codes, state)
            atoms = self._atoms(a, state)
            codes = sweep(codes, atoms @ a.T, atoms @ atoms.T, self.sweeps)
            losses.append(loss_of(a, codes.T, atoms))
            before = losses[-1 - STRIDE] if len(losses) > STRIDE else math.inf
            settled = levelled(before, losses[-1], self.tolerance, square)
            if settled:
                break
        rule = f"{STRIDE} iterations lower the loss by less than {self.tolerance:g} of it"
        name = type(self).__name__
        fit = Fit(name, self.seed, len(losses), settled, rule, losses[-1])
        return NonNegative(self._atoms(a, state), zeros_like_row(a), fit)

    def _begin(self, a: Tensor, codes: Tensor) -> Tensor:
        """Return the initial parameters of V."""
        raise NotImplementedError

    def _improve(self, a: Tensor, codes: Tensor, state: Tensor) -> Tensor:
        """Return parameters of V that lower the loss for the codes Uᵀ (k, n)."""
        raise NotImplementedError

    def _atoms(self, a: Tensor, state: Tensor) -> Tensor:
        """V (k, p)."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class SemiNMF(_Alternating):
    """min over U >= 0 and any V of ‖A - U V‖² / 2: V is the least-squares solution.

    Example:
        >>> dictionary = SemiNMF(concepts=2).fit(activations)
        >>> codes = dictionary.encode(activations)
        >>> codes.shape, bool((codes >= 0).all())
        (torch.Size([60, 2]), True)
        >>> torch.allclose(dictionary.decode(codes), activations, atol=1e-3)
        True
    """

    def _begin(self, a: Tensor, codes: Tensor) -> Tensor:
        return self._improve(a, codes, codes)

    def _improve(self, a: Tensor, codes: Tensor, state: Tensor) -> Tensor:
        # In float32 so small a ridge is lost, and concepts that are alike make the matrix singular.
        gram = (codes @ codes.T).double()
        gram.diagonal().add_(1e-9 * float(gram.diagonal().mean()))
        solved: Tensor = torch.linalg.solve(gram, (codes @ a).double())
        return solved.to(a)

    def _atoms(self, a: Tensor, state: Tensor) -> Tensor:
        return state


@dataclass(frozen=True, kw_only=True)
class ConvexNMF(_Alternating):
    """min over U, W >= 0 of ‖A - U W A‖² / 2: concepts are sums of activations that were seen.

    W takes steps of projected gradient, of the length that is sure to lower the loss.

    Attributes:
        steps: of W in an iteration.

    Example:
        >>> dictionary = ConvexNMF(concepts=2).fit(activations)
        >>> dictionary.encode(activations).shape
        torch.Size([60, 2])
    """

    steps: int = 5

    def _begin(self, a: Tensor, codes: Tensor) -> Tensor:
        return codes / codes.sum(1, keepdim=True)

    def _improve(self, a: Tensor, codes: Tensor, state: Tensor) -> Tensor:
        # ½‖A - U W A‖² has gradient UᵀU W AAᵀ - Uᵀ A Aᵀ, never formed as n × n.
        gram, product = codes @ codes.T, codes @ a
        length = torch.linalg.matrix_norm(gram, 2) * torch.linalg.matrix_norm(a.T @ a, 2)
        ahead, weights = state, state
        for step in range(self.steps):
            gradient = (gram @ (ahead @ a) - product) @ a.T
            new = (ahead - gradient / length).clamp(min=0)
            ahead = new + step / (step + 3) * (new - weights)
            weights = new
        return weights if self._better(a, codes, weights, state) else state

    def _better(self, a: Tensor, codes: Tensor, new: Tensor, old: Tensor) -> bool:
        return loss_of(a, codes.T, new @ a) <= loss_of(a, codes.T, old @ a)

    def _atoms(self, a: Tensor, state: Tensor) -> Tensor:
        return state @ a


def _clusters(a: Tensor, k: int, seed: int) -> Tensor:
    from sklearn.cluster import KMeans

    fitted = KMeans(k, n_init=1, random_state=seed).fit(a.cpu().numpy())
    return torch.from_numpy(fitted.labels_).long().to(a.device)
