"""Dictionaries that learn nothing: what every other one must beat."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sparks.concepts.dictionary import Dictionary, Fit, Method, check, loss_of, zeros_like_row
from sparks.concepts.nmf import NonNegative
from sparks.concepts.sklearn_wrappers import Linear


@dataclass(frozen=True, kw_only=True)
class Neurons(Method):
    """The k channels with the largest variance, each a concept: the basis the network came with.

    Example:
        >>> dictionary = Neurons(concepts=2).fit(activations)
        >>> dictionary.encode(activations).shape
        torch.Size([60, 2])
    """

    def fit(self, a: Tensor) -> Dictionary:
        """Fit; see `Method`."""
        a = check(a, self.concepts, a.shape[1])
        chosen = a.var(0).argsort(descending=True, stable=True)[: self.concepts]
        atoms = torch.eye(a.shape[1]).to(a)[chosen]
        loss = loss_of(a, a @ atoms.T, atoms)
        fit = Fit("Neurons", self.seed, 0, True, "none", loss)
        return Linear(atoms, zeros_like_row(a), fit, atoms.T.contiguous())


@dataclass(frozen=True, kw_only=True)
class Exemplars(Method):
    """k activations drawn at random as concepts, encoded like NMF.

    They are examples of the class, so that they learn nothing and still know what it looks like:
    the harder control. See `RandomDirections` for one that knows nothing.

    Example:
        >>> dictionary = Exemplars(concepts=2).fit(activations)
        >>> dictionary.encode(activations).shape
        torch.Size([60, 2])
    """

    def fit(self, a: Tensor) -> Dictionary:
        """Fit; see `Method`."""
        a = check(a, self.concepts)
        generator = torch.Generator().manual_seed(self.seed)
        atoms = a[torch.randperm(len(a), generator=generator)[: self.concepts].to(a.device)]
        return _encoded_like_nmf(a, atoms, Fit("Exemplars", self.seed, 0, True, "none", 0.0))


@dataclass(frozen=True, kw_only=True)
class RandomDirections(Method):
    """k random non-negative directions as concepts, encoded like NMF: independent |N(0, 1)|.

    Each is as long as an activation is on average.

    Example:
        >>> dictionary = RandomDirections(concepts=2).fit(activations)
        >>> bool((dictionary.atoms >= 0).all())
        True
    """

    def fit(self, a: Tensor) -> Dictionary:
        """Fit; see `Method`."""
        a = check(a, self.concepts)
        generator = torch.Generator().manual_seed(self.seed)
        atoms = torch.randn(self.concepts, a.shape[1], generator=generator).abs().to(a)
        atoms *= a.norm(dim=1).mean() / atoms.norm(dim=1, keepdim=True)
        return _encoded_like_nmf(
            a, atoms, Fit("Random directions", self.seed, 0, True, "none", 0.0)
        )


def _encoded_like_nmf(a: Tensor, atoms: Tensor, fit: Fit) -> Dictionary:
    offset = zeros_like_row(a)
    if len(atoms) > a.shape[1]:  # codes are not unique, and take long: the loss is not computed
        return NonNegative(atoms, offset, replace(fit, loss=math.nan))
    loss = loss_of(a, NonNegative(atoms, offset, fit).encode(a), atoms)
    return NonNegative(atoms, offset, replace(fit, loss=loss))
