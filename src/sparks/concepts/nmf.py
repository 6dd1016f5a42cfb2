"""Non-negative matrix factorisation on the device of the data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.checks import one_of
from sparks.concepts.dictionary import (
    STRIDE,
    Dictionary,
    Fit,
    Method,
    check,
    levelled,
    loss_of,
    refuse_negative,
    zeros_like_row,
)
from sparks.concepts.nnls_solver import nnls
from sparks.errors import SparksError

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False, repr=False)
class NonNegative(Dictionary):
    """A dictionary whose codes are those u >= 0 that fit best (NNLS, exact)."""

    def _codes(self, a: Tensor) -> Tensor:
        return nnls(a, self.atoms)


@dataclass(frozen=True, kw_only=True)
class NMF(Method):
    """min over U, V >= 0 of ‖A - U V‖² / 2 by hierarchical alternating least squares.

    HALS (Cichocki & Phan 2009) updates one column of U, then of V, in closed form, so the loss
    never rises. As in Gillis & Glineur 2012, each factor is swept several times before its products
    with A are computed again. CRAFT uses scikit-learn's NMF: the same loss, no penalty, one sweep.

    Attributes:
        start: "nndsvda" (Boutsidis & Gallopoulos 2008, zeros filled with the mean, as in
            scikit-learn), or "random". Where concepts outnumber channels or rows it is random.
        iterations: bound on iterations.
        tolerance: stop when ten iterations together lower the loss by less than this share.
        sweeps: of each factor in an iteration.

    Example:
        >>> dictionary = NMF(concepts=2).fit(activations)
        >>> codes = dictionary.encode(activations)
        >>> codes.shape
        torch.Size([60, 2])
        >>> torch.allclose(dictionary.decode(codes), activations, atol=1e-3)
        True
    """

    start: str = "nndsvda"
    iterations: int = 500
    tolerance: float = 1e-4
    sweeps: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, ("nndsvda", "random"), "start")

    def fit(self, a: Tensor, start: Pair | None = None) -> Dictionary:
        """Fit; see `Method`.

        Args:
            a: activations (n, p), none negative.
            start: U (n, k) and V (k, p) to start from, instead of `self.start`.
        """
        a = check(a, self.concepts)
        refuse_negative(a, "NMF")
        shapes = [(len(a), self.concepts), (self.concepts, a.shape[1])]
        if start and [tuple(factor.shape) for factor in start] != shapes:
            raise SparksError(f"the start of U and V must have the shapes {shapes[0]}, {shapes[1]}")
        _, v, fit = self.factorise(a, start)
        return NonNegative(v, zeros_like_row(a), fit)

    def factorise(self, a: Tensor, start: Pair | None = None) -> tuple[Tensor, Tensor, Fit]:
        """U (n, k), V (k, p) and how the fit went."""
        u, v = start or self._start(a)
        # (k, n) and (k, p): a concept's row is contiguous.
        left, right = u.T.to(a).contiguous().clone(), v.to(a).contiguous().clone()
        transposed = a.T.contiguous()
        before, square = loss_of(a, left.T, right), float(a.double().pow(2).sum())
        done, settled = 0, False
        while done < self.iterations and not settled:
            left = sweep(left, right @ transposed, right @ right.T, self.sweeps)
            right = sweep(right, left @ a, left @ left.T, self.sweeps)
            done += 1
            if done % STRIDE == 0:  # the loss costs as much as a product with A
                after = loss_of(a, left.T, right)
                settled = levelled(before, after, self.tolerance, square)
                before = after
        left = sweep(left, right @ transposed, right @ right.T, self.sweeps)
        fit = Fit(
            "NMF",
            self.seed,
            done,
            settled,
            f"{STRIDE} iterations lower the loss by less than {self.tolerance:g} of it",
            loss_of(a, left.T, right),
        )
        return left.T, right, fit

    def _start(self, a: Tensor) -> Pair:
        if self.start == "random" or self.concepts > min(a.shape):
            return random_start(a, self.concepts, self.seed)
        return nndsvda(a, self.concepts, self.seed)


def sweep(x: Tensor, product: Tensor, gram: Tensor, sweeps: int) -> Tensor:
    """Run coordinate descent for min over X >= 0 of tr(Xᵀ G X) / 2 - tr(Xᵀ P), a row at a time.

    With P = V Aᵀ and G = V Vᵀ that is the loss as a function of X = Uᵀ; likewise for V.

    Args:
        x: X (k, n), where to start.
        product: P (k, n).
        gram: G (k, k).
        sweeps: over all rows.

    Returns:
        A new (k, n).
    """
    x = x.clone()
    columns, diagonal = x.T, gram.diagonal().clamp(min=1e-12).tolist()
    # Views made once: looking a row up takes as long as the arithmetic on a small one.
    rows = list(zip(x.unbind(), product.unbind(), gram.unbind(), diagonal, strict=True))
    for _ in range(sweeps):
        for row, target, weights, entry in rows:
            change = torch.addmv(target, columns, weights, alpha=-1)
            row.add_(change, alpha=1 / entry).clamp_(min=0)
    return x


def random_start(a: Tensor, k: int, seed: int) -> Pair:
    """|Gaussian| factors whose product has about the mean of `a`, as in scikit-learn."""
    generator = torch.Generator().manual_seed(seed)
    scale = float((a.mean() / k).clamp(min=0).sqrt())
    u = scale * torch.randn(len(a), k, generator=generator).abs()
    v = scale * torch.randn(k, a.shape[1], generator=generator).abs()
    return u.to(a), v.to(a)


def nndsvda(a: Tensor, k: int, seed: int) -> Pair:
    """Return the NNDSVD, zeros replaced by the mean (Boutsidis & Gallopoulos 2008)."""
    left, values, right = _leading(a, k, seed)
    u, v = torch.zeros(len(a), k).to(a), torch.zeros(k, a.shape[1]).to(a)
    u[:, 0], v[0] = values[0].sqrt() * left[:, 0].abs(), values[0].sqrt() * right[0].abs()
    for i in range(1, k):
        x, y = left[:, i], right[i]
        pairs = [(x.clamp(min=0), y.clamp(min=0)), ((-x).clamp(min=0), (-y).clamp(min=0))]
        one, other = max(pairs, key=lambda pair: float(pair[0].norm() * pair[1].norm()))
        norms = one.norm(), other.norm()
        scale = (values[i] * norms[0] * norms[1]).sqrt()
        u[:, i] = scale * one / norms[0].clamp(min=1e-12)
        v[i] = scale * other / norms[1].clamp(min=1e-12)
    mean = a.mean()
    return torch.where(u > 1e-6, u, mean), torch.where(v > 1e-6, v, mean)


def _leading(a: Tensor, k: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the k leading singular triples by random projection (Halko et al. 2011)."""
    generator = torch.Generator().manual_seed(seed)
    count = min(k + 10, *a.shape)
    q = torch.linalg.qr(a @ torch.randn(a.shape[1], count, generator=generator).to(a)).Q
    for _ in range(7):
        q = torch.linalg.qr(a @ torch.linalg.qr(a.T @ q).Q).Q
    left, values, right = torch.linalg.svd(q.T @ a, full_matrices=False)
    return (q @ left)[:, :k], values[:k], right[:k]
