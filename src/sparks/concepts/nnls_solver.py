"""Non-negative least squares for many right-hand sides, exact and differentiable.

min over u >= 0 of ‖a - u V‖² / 2 has the KKT conditions u >= 0, y = G u - b >= 0, u y = 0 with
G = V Vᵀ and b = V a. On the set S where u > 0 the solution is u_S = G_SS⁻¹ b_S, so
∂u_S / ∂b_S = G_SS⁻¹ and 0 elsewhere: the implicit function theorem on the KKT conditions, valid
under strict complementarity (no coordinate has u = y = 0). Hence ∂u_S / ∂a = (V_S V_Sᵀ)⁻¹ V_S.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# Added to the diagonal of the scaled Gram matrix (ones) where atoms are linearly dependent: of all
# solutions the shortest is meant then.
RIDGE = 1e-7
# Below this share of the largest b, a multiplier or a coordinate of float64 counts as zero.
ZERO = 1e-11
# Numbers held at a time: bounds memory only.
MEMORY = 2**24
# Rounds of exchanges; a dozen is usual, unless there are more atoms than channels.
ROUNDS = 30
# Sweeps of coordinate descent for rows whose exchanges did not end by then.
SWEEPS = 300
# Sweeps that guess which coordinates are free.
GUESS = 10


def nnls(a: Tensor, atoms: Tensor) -> Tensor:
    """Solve min over u >= 0 of ‖a - u V‖² for each row of a.

    Args:
        a: (n, p); may require gradients, which pass through the KKT conditions.
        atoms: V (k, p), constant.

    Returns:
        u (n, k), of the dtype of `a`; computed in float64.

    Example:
        The second atom would need a negative coefficient.

        >>> nnls(torch.tensor([[1.0, -1.0]]), torch.eye(2))
        tensor([[1., 0.]])
    """
    unit, size, gram = normal(atoms.detach().to(a.device, torch.float64))
    scaled: Tensor = _Solve.apply(gram, a.double() @ unit.T)
    return (scaled / size).to(a.dtype)


def normal(atoms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return unit atoms (k, p), their norms (k,) and their Gram matrix (k, k).

    Unit atoms share one tolerance.

    Dead atoms stay zero, and so does their code. Dependent atoms get a ridge.
    """
    size = atoms.norm(dim=1)
    size = torch.where(size > 0, size, 1)
    unit = atoms / size[:, None]
    gram = unit @ unit.T
    if float(torch.linalg.eigvalsh(gram)[0]) < RIDGE:
        gram.diagonal().add_(RIDGE)
    return unit, size, gram


class _Solve(torch.autograd.Function):
    """u (n, k) of b (n, k), with the implicit derivative."""

    @staticmethod
    def forward(ctx: Any, gram: Tensor, b: Tensor) -> Tensor:
        u, passive = pivot(gram, b.detach())
        ctx.save_for_backward(gram, passive)
        return u

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        gram, passive = ctx.saved_tensors
        # G_SS⁻¹ is symmetric.
        return None, _restricted(gram, grads[0], passive)


def pivot(gram: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Block principal pivoting (Kim & Park 2011, algorithm 2), all rows at once.

    Coordinates that break the conditions change sides, all together while their number falls, and
    after three rounds without a fall only the last one, which is sure to end.

    Args:
        gram: (k, k), symmetric and positive.
        b: (n, k).

    Returns:
        u (n, k) and which coordinates are free, bool (n, k).
    """
    n, k = b.shape
    # A guess saves rounds: each costs an inverse for each distinct set of free coordinates.
    passive = descend(gram, b, torch.zeros_like(b), GUESS) > 0
    u = _restricted(gram, b, passive)
    y = u @ gram - b
    # Rounding grows with the condition of the matrix, which the ridge bounds.
    least = float(torch.linalg.eigvalsh(gram)[0])
    tolerance = ZERO / min(1.0, least) ** 0.5 * b.abs().amax(1, keepdim=True).clamp(min=1e-300)
    chances = torch.full((n,), 3, device=b.device)
    fewest = torch.full((n,), k + 1, device=b.device)
    places = torch.arange(k, device=b.device)
    rows = torch.arange(n, device=b.device)
    for _ in range(ROUNDS):
        wrong = torch.where(passive[rows], u[rows] < -tolerance[rows], y[rows] < -tolerance[rows])
        count = wrong.sum(1)
        rows, wrong, count = rows[count > 0], wrong[count > 0], count[count > 0]
        if not len(rows):
            return u.clamp(min=0), passive
        fell = count < fewest[rows]
        chances[rows] = torch.where(fell, 3, chances[rows] - 1)
        fewest[rows] = torch.where(fell, count, fewest[rows])
        last = (wrong * (places + 1)).argmax(1)
        alone = (places == last[:, None]) & (chances[rows] < 0)[:, None]
        passive[rows] ^= torch.where((chances[rows] < 0)[:, None], alone, wrong)
        u[rows] = _restricted(gram, b[rows], passive[rows])
        y[rows] = u[rows] @ gram - b[rows]
    u[rows] = descend(gram, b[rows], u[rows].clamp(min=0), SWEEPS)
    passive[rows] = u[rows] > 0
    return u.clamp(min=0), passive


def descend(gram: Tensor, b: Tensor, u: Tensor, sweeps: int) -> Tensor:
    """Solve the problem by coordinate descent: slower, but safe for dependent atoms."""
    x, target = u.T.contiguous(), b.T.contiguous()
    for _ in range(sweeps):
        for row, entry in enumerate(gram.diagonal().tolist()):
            change = torch.addmv(target[row], x.T, gram[row], alpha=-1)
            x[row].add_(change, alpha=1 / max(entry, RIDGE)).clamp_(min=0)
    return x.T


def _restricted(gram: Tensor, b: Tensor, passive: Tensor) -> Tensor:
    """G_SS⁻¹ b_S at the free coordinates S of each row (n, k), 0 elsewhere.

    Rows that share S share the inverse: with k concepts there are at most 2ᵏ, and few occur.
    """
    solved = torch.empty_like(b)
    k = b.shape[1]
    for start in range(0, len(b), max(1, MEMORY // k**2)):
        rows = slice(start, start + max(1, MEMORY // k**2))
        sets, which = _distinct(passive[rows])
        free = sets.to(b.dtype)
        both = free[:, :, None] * free[:, None, :]
        inverse = torch.linalg.inv(gram * both + torch.diag_embed(1 - free)) * both
        solved[rows] = torch.einsum("nij,nj->ni", inverse[which], b[rows])
    return solved


def _distinct(passive: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct rows of a bool matrix, and the index of each row among them."""
    k = passive.shape[1]
    if k > 62:
        sets, which = torch.unique(passive, dim=0, return_inverse=True)
        return sets, which
    # Rows as numbers: sorting these is many times faster.
    powers = 2 ** torch.arange(k, device=passive.device)
    numbers, which = torch.unique((passive * powers).sum(1), return_inverse=True)
    return (numbers[:, None] & powers) != 0, which
