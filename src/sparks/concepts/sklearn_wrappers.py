"""K-Means, PCA and ICA as dictionaries; scikit-learn fits them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from sparks.concepts.dictionary import (
    Dictionary,
    Fit,
    Method,
    TooFewDimensions,
    check,
    loss_of,
    rank_of,
    zeros_like_row,
)


@dataclass(frozen=True, eq=False, repr=False)
class OneHot(Dictionary):
    """Codes that name the nearest atom: not differentiable."""

    def _codes(self, a: Tensor) -> Tensor:
        nearest = torch.cdist(a.detach(), self.atoms.to(a)).argmin(1)
        return one_hot(nearest, self.k).to(a)


@dataclass(frozen=True, eq=False, repr=False)
class Linear(Dictionary):
    """Codes that are linear in the activations.

    Attributes:
        filters: (p, k), u = (a - offset) filters.
    """

    filters: Tensor

    def reordered(self, order: Tensor) -> Dictionary:
        """Return the dictionary with its concepts in another order, int64 (k,)."""
        return replace(self, atoms=self.atoms[order], filters=self.filters[:, order])

    def _codes(self, a: Tensor) -> Tensor:
        return (a - self.offset.to(a)) @ self.filters.to(a)


@dataclass(frozen=True, kw_only=True)
class KMeans(Method):
    """Clusters, the concepts of ACE (Ghorbani et al. 2019): each code has a single one.

    Attributes:
        starts: the best of so many starts is kept.
        iterations: bound on Lloyd's iterations.
        tolerance: stop when the centres move by less than this share of the variance.

    Example:
        >>> dictionary = KMeans(concepts=2).fit(activations)
        >>> dictionary.encode(activations).shape
        torch.Size([60, 2])
    """

    starts: int = 4
    iterations: int = 300
    tolerance: float = 1e-4

    def fit(self, a: Tensor) -> Dictionary:
        """Fit; see `Method`."""
        from sklearn.cluster import KMeans as Clusters

        a = check(a, self.concepts)
        fitted = Clusters(
            self.concepts,
            n_init=self.starts,
            max_iter=self.iterations,
            tol=self.tolerance,
            random_state=self.seed,
        ).fit(a.cpu().numpy())
        atoms = _tensor(fitted.cluster_centers_, a)
        done = int(fitted.n_iter_)
        rule = f"centres move by less than {self.tolerance:g} of the variance"
        loss = float(fitted.inertia_) / 2
        fit = Fit("KMeans", self.seed, done, done < self.iterations, rule, loss)
        return OneHot(atoms, zeros_like_row(a), fit)


@dataclass(frozen=True, kw_only=True)
class PCA(Method):
    """Principal components, the concepts of ICE's first variant: the best k-dimensional subspace.

    Exact, so that the seed has no effect. Where activations spread in fewer than k dimensions, the
    other components have no direction, and are zero.

    Example:
        Components are orthonormal.

        >>> dictionary = PCA(concepts=2).fit(activations)
        >>> torch.allclose(dictionary.atoms @ dictionary.atoms.T, torch.eye(2), atol=1e-5)
        True
    """

    def fit(self, a: Tensor) -> Dictionary:
        """Fit; see `Method`."""
        from sklearn.decomposition import PCA as Components

        a = check(a, self.concepts, min(a.shape))
        fitted = Components(self.concepts, svd_solver="full").fit(a.double().cpu().numpy())
        atoms, offset = _tensor(fitted.components_, a), _tensor(fitted.mean_, a)
        atoms[rank_of(a) :] = 0
        loss = loss_of(a, (a - offset) @ atoms.T, atoms, offset)
        fit = Fit("PCA", self.seed, 1, True, "exact", loss)
        return Linear(atoms, offset, fit, atoms.T.contiguous())


@dataclass(frozen=True, kw_only=True)
class ICA(Method):
    """Independent components of the k-dimensional principal subspace (FastICA, log cosh).

    Attributes:
        iterations: bound on iterations.
        tolerance: stop when the unmixing rows turn by less than this.

    Example:
        Codes are uncorrelated.

        >>> dictionary = ICA(concepts=2).fit(activations)
        >>> correlation = torch.corrcoef(dictionary.encode(activations).T)
        >>> torch.allclose(correlation, torch.eye(2), atol=1e-3)
        True
    """

    iterations: int = 500
    tolerance: float = 1e-4

    def fit(self, a: Tensor) -> Dictionary:
        """Fit; see `Method`."""
        import warnings

        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        a = check(a, self.concepts, min(a.shape))
        rank = rank_of(a)
        if rank < self.concepts:
            raise TooFewDimensions(
                f"activations spread in {rank} dimensions, and ICA of {self.concepts} concepts "
                "divides by the spread in each: ask for fewer concepts, give other images, or "
                "choose another layer"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # recorded in `fit`
            fitted = FastICA(
                self.concepts,
                whiten="unit-variance",
                max_iter=self.iterations,
                tol=self.tolerance,
                random_state=self.seed,
            ).fit(a.double().cpu().numpy())
        atoms, offset = _tensor(fitted.mixing_.T, a), _tensor(fitted.mean_, a)
        filters = _tensor(fitted.components_.T, a)
        done = int(fitted.n_iter_)
        rule = f"unmixing rows turn by less than {self.tolerance:g}"
        loss = loss_of(a, (a - offset) @ filters, atoms, offset)
        fit = Fit("ICA", self.seed, done, done < self.iterations, rule, loss)
        return Linear(atoms, offset, fit, filters)


def _tensor(values: Any, like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(like)
