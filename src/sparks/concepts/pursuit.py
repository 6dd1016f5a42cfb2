"""Sparse codes of dictionaries with more atoms than channels: a few atoms, chosen greedily."""

from __future__ import annotations

import torch
from torch import Tensor

SWEEPS = 20  # of coordinate descent on the chosen atoms, from the codes of one atom fewer


def pursuit(a: Tensor, atoms: Tensor, active: int) -> Tensor:
    """Return non-negative codes (n, k) with `active` atoms at most: orthogonal matching pursuit.

    Each step takes the atom with the largest inner product with what is left, if it is positive,
    and fits the codes of all chosen atoms again (Pati et al. 1993; with codes of 0 or more as in
    Bruckstein et al. 2008).

    Args:
        a: activations (n, p).
        atoms: V (k, p).
        active: atoms of each code, 1 or more.

    Example:
        >>> atoms = torch.eye(3)
        >>> pursuit(torch.tensor([[3.0, 1.0, -2.0]]), atoms, 1)
        tensor([[3., 0., 0.]])
        >>> pursuit(torch.tensor([[3.0, 1.0, -2.0]]), atoms, 3)
        tensor([[3., 1., 0.]])
    """
    size = atoms.norm(dim=1)
    unit = atoms / torch.where(size > 0, size, 1)[:, None]
    gram, product = unit @ unit.T, a @ unit.T
    rows = torch.arange(len(a), device=a.device)
    chosen = torch.zeros(len(a), 0, dtype=torch.int64, device=a.device)
    codes = a.new_zeros(len(a), 0)
    for _ in range(min(active, len(atoms))):
        left = product - torch.einsum("ns,nsk->nk", codes, gram[chosen])
        left.scatter_(1, chosen, -torch.inf)
        chosen = torch.cat([chosen, left.argmax(1, keepdim=True)], 1)
        codes = torch.cat([codes, a.new_zeros(len(a), 1)], 1)
        own = gram[chosen[:, :, None], chosen[:, None, :]]
        wanted = product.gather(1, chosen)
        for _ in range(SWEEPS):
            for place in range(codes.shape[1]):
                rest = wanted[:, place] - (own[:, place] * codes).sum(1) + codes[:, place]
                codes[:, place] = rest.clamp(min=0)
    found = torch.zeros(len(a), len(atoms)).to(a)
    found[rows[:, None], chosen] = codes
    return found / torch.where(size > 0, size, 1)
