"""Derivatives of concept coefficients by the activation, three ways, against finite differences."""

from __future__ import annotations

import torch
from torch import Tensor

from sparks.concepts.nnls_solver import nnls, normal


def derivative_errors(a: Tensor, atoms: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """Return the relative error of du along a random direction, for each activation.

    Args:
        a: activations (n, p).
        atoms: V (k, p).
        seed: of the directions.

    Returns:
        name → (n,): "active set", the derivative used for concept maps; "KKT system", the whole
        system with multipliers solved (the formulas of CRAFT); "pseudo-inverse", V⁺, which forgets
        u >= 0. The reference is a central difference in float64. Two controls: "other step", the
        reference with steps ten times as long, and "other direction", the derivative along the
        next activation's direction. (That at the next activation is no control: it depends on which
        coefficients are zero alone, and is the same where these are.)
    """
    a, atoms = a.double(), atoms.double()
    generator = torch.Generator().manual_seed(seed)
    step = 1e-6 * a.norm(dim=1, keepdim=True) * _unit(torch.randn(a.shape, generator=generator))
    true = (nnls(a + step, atoms) - nnls(a - step, atoms)) / 2
    far = 10 * step
    found = {
        "other step": (nnls(a + far, atoms) - nnls(a - far, atoms)) / 20,
        "other direction": _along(a, atoms, step.roll(1, 0)),
        "active set": _along(a, atoms, step),
        "KKT system": torch.stack(
            [_kkt(row, atoms) @ s for row, s in zip(a, step.double(), strict=True)]
        ),
        "pseudo-inverse": step.double() @ torch.linalg.pinv(atoms),
    }
    size = true.norm(dim=1).clamp(min=1e-15)
    return {name: (value - true).norm(dim=1) / size for name, value in found.items()}


def _unit(x: Tensor) -> Tensor:
    unit: Tensor = x / x.norm(dim=1, keepdim=True)
    return unit.double()


def _along(a: Tensor, atoms: Tensor, step: Tensor) -> Tensor:
    """(∂u/∂a) times a step through autograd, one coefficient at a time."""
    leaf = a.clone().requires_grad_()
    u = nnls(leaf, atoms)
    columns = [
        (torch.autograd.grad(u[:, i].sum(), leaf, retain_graph=True)[0] * step).sum(1)
        for i in range(u.shape[1])
    ]
    return torch.stack(columns, 1)


def _kkt(a: Tensor, atoms: Tensor) -> Tensor:
    """∂u/∂a (k, p) from F(u, λ; a) = (V Vᵀ u - V a - λ, λ u) = 0 by the implicit function theorem.

    Solved for unit atoms, as the coefficients are. Where u and λ both vanish the system is
    singular: its least-squares solution is taken.
    """
    unit, size, gram = normal(atoms)
    u = nnls(a[None], atoms)[0] * size
    # Rounding can leave a multiplier a hair below zero.
    multiplier = ((gram @ u - unit @ a) * (u == 0)).clamp(min=0)
    k = len(unit)
    eye = torch.eye(k).to(unit)
    upper = torch.cat([gram, -eye], 1)
    # Each of these rows may be scaled: their right-hand side is zero.
    row = (multiplier + u).clamp(min=1e-300)
    lower = torch.cat([torch.diag(multiplier / row), torch.diag(u / row)], 1)
    right = torch.cat([unit, torch.zeros_like(unit)])
    solved: Tensor = torch.linalg.lstsq(torch.cat([upper, lower]), right, driver="gelsd").solution
    return solved[:k] / size[:, None]
