"""Dictionaries that learn nothing: what every other one must beat."""

from __future__ import annotations

from dataclasses import dataclass

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
class RandomAtoms(Method):
    """k activations drawn at random as concepts, encoded like NMF.

    Example:
        >>> dictionary = RandomAtoms(concepts=2).fit(activations)
        >>> dictionary.encode(activations).shape
        torch.Size([60, 2])
    """

    def fit(self, a: Tensor) -> Dictionary:
        """Fit; see `Method`."""
        a = check(a, self.concepts)
        generator = torch.Generator().manual_seed(self.seed)
        atoms = a[torch.randperm(len(a), generator=generator)[: self.concepts].to(a.device)]
        drawn = NonNegative(
            atoms, zeros_like_row(a), Fit("Random", self.seed, 0, True, "none", 0.0)
        )
        loss = loss_of(a, drawn.encode(a), atoms)
        return NonNegative(atoms, drawn.offset, Fit("Random", self.seed, 0, True, "none", loss))
