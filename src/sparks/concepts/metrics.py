"""Scores of dictionaries (Fel et al. 2023, A holistic approach): how well, how sparse, how stable.

The paper's text on exact definitions was not available; each docstring says what is computed.
A score that does not exist (of activations that are zero, or all alike) is NaN, never a number.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparks.errors import SparksError
from sparks.metrics.complexity import Sparseness
from sparks.protocols import Explanation

# Codes below this share of the largest code count as zero, and a spread below this share of the
# largest value as none.
ZERO = 1e-6


def relative_l2(a: Tensor, reconstructed: Tensor) -> Tensor:
    """Return ‖a - â‖ / (‖a‖ + 1e-6) of each activation, (n,); NaN where a is zero.

    Lower is better.
    """
    size = a.norm(dim=1)
    ratio: Tensor = (a - reconstructed).norm(dim=1) / (size + 1e-6)
    return ratio.masked_fill(size == 0, torch.nan)


def r_squared(a: Tensor, reconstructed: Tensor) -> float:
    """1 - Σ‖a - â‖² / Σ‖a - mean‖² over activations (n, p); NaN where all a are alike.

    At most 1; below 0 where the mean of these activations is a better guess.
    """
    if _alike(a):
        return float("nan")
    a, reconstructed = a.double(), reconstructed.double()
    rest = (a - reconstructed).square().sum()
    return float(1 - rest / (a - a.mean(0)).square().sum())


def _alike(a: Tensor) -> bool:
    """Return whether activations (n, p) are all equal up to rounding."""
    return bool((a.amax(0) - a.amin(0)).max() <= ZERO * a.abs().max())


def sparsity(u: Tensor) -> Tensor:
    """Return the share of zeros in each code (n, k): (n,). Higher is sparser."""
    return (u.abs() <= ZERO * u.abs().max()).float().mean(1)


def dead(u: Tensor) -> float:
    """Return the share of concepts that no code (n, k) uses."""
    return float((u.abs() <= ZERO * u.abs().max()).all(0).float().mean())


def hoyer(u: Tensor) -> Tensor:
    """(√k - ‖u‖₁/‖u‖₂) / (√k - 1) of each code: (n,), 1 for a single concept; NaN for no code."""
    values: Tensor = Sparseness()(Explanation(None, u, None, u))["Hoyer"]
    return values


def stability(dictionaries: Sequence[Tensor]) -> Tensor:
    """Return the mean |cosine| of atoms matched one to one, for each pair of dictionaries (k, p).

    The matching is the best one (Hungarian algorithm). A dead atom (all zero) has cosine 0 with
    all. The sign of an atom of PCA or ICA is arbitrary, hence the absolute value.

    Returns:
        float64 (pairs,), in [0, 1]; higher is better. Beside it belongs what chance gives
        (`stability_by_chance`), which is far from 0.

    Raises:
        SparksError: when there is no pair to compare.
    """
    if len(dictionaries) < 2:
        raise SparksError(
            f"stability compares dictionaries, and there is {len(dictionaries)}: fit 2 or more"
        )
    values = [
        matched_cosine(first, second).mean()
        for i, first in enumerate(dictionaries)
        for second in dictionaries[i + 1 :]
    ]
    return torch.stack(values)


def stability_by_chance(dictionaries: Sequence[Tensor], repeats: int = 20, seed: int = 0) -> Tensor:
    """`stability` of random dictionaries of the same kind: what unrelated dictionaries score.

    The numbers of each atom are shuffled over its channels. So the random atoms have the same
    signs, the same share of zeros and the same lengths: non-negative atoms point to one corner of
    the space and match far better by chance than signed ones, and few atoms worse than many.

    Args:
        dictionaries: (k, p) each.
        repeats: random dictionaries made of each.
        seed: of the shuffling.

    Returns:
        float64 (repeats * pairs,).
    """
    generator = torch.Generator().manual_seed(seed)

    def shuffled(atoms: Tensor) -> Tensor:
        order = torch.rand(atoms.shape, generator=generator).argsort(1).to(atoms.device)
        return atoms.gather(1, order)

    return torch.cat([stability([shuffled(d) for d in dictionaries]) for _ in range(repeats)])


def above_chance(value: float, chance: float) -> float:
    """Place a value between chance (0) and the best, 1; below 0 where it is worse than chance.

    NaN where chance is 1, or nearly so: then no value says anything.
    """
    return float("nan") if chance >= 1 - ZERO else (value - chance) / (1 - chance)


def matched_cosine(first: Tensor, second: Tensor) -> Tensor:
    """|cosine| of each atom of the first dictionary with its partner in the second, float64."""
    from scipy.optimize import linear_sum_assignment

    one, two = (_unit(atoms.double()) for atoms in (first, second))
    cosine = (one @ two.T).abs()
    rows, columns = linear_sum_assignment(-cosine.cpu().numpy())
    return cosine[torch.from_numpy(rows), torch.from_numpy(columns)]


def matched_correlation(first: Tensor, second: Tensor) -> float:
    """Return the mean correlation of concepts matched one to one by codes of the same activations.

    Concepts that no code uses are left out, and have no partner to lose.

    Args:
        first: codes (n, k).
        second: other codes (n, l) of the same n.
    """
    from scipy.optimize import linear_sum_assignment

    each = [codes[:, codes.std(0) > ZERO * codes.abs().max()].double() for codes in (first, second)]
    one, two = (_unit((codes - codes.mean(0)).T) for codes in each)
    correlation = one @ two.T
    if not correlation.numel():
        return float("nan")
    rows, columns = linear_sum_assignment(-correlation.cpu().numpy())
    return float(correlation[torch.from_numpy(rows), torch.from_numpy(columns)].mean())


def _unit(atoms: Tensor) -> Tensor:
    norm = atoms.norm(dim=1, keepdim=True)
    return atoms / torch.where(norm > 0, norm, 1)


def frechet(a: Tensor, b: Tensor) -> float:
    """Return the Fréchet distance of Gaussians fitted to activations (n, p) and (m, p).

    |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½), divided by tr Σ₁: 0 for equal, about 1 for a constant b.
    NaN where all a are alike (a single one is): they have no spread to divide by.
    """
    if _alike(a) or len(b) < 2:
        return float("nan")
    a, b = a.double(), b.double()
    gap = (a.mean(0) - b.mean(0)).square().sum()
    # Σ = x xᵀ of scaled, centred rows.
    one, two = ((x - x.mean(0)).T / (len(x) - 1) ** 0.5 for x in (a, b))
    sizes = [x.square().sum() for x in (one, two)]
    distance = (gap + sum(sizes) - 2 * _cross(one, two)).clamp(min=0)
    return float(distance / sizes[0])


def _cross(one: Tensor, two: Tensor) -> Tensor:
    """tr(Σ₁ Σ₂)^½ of Σ₁ = x xᵀ and Σ₂ = y yᵀ, x (p, n) and y (p, m): the smaller of two problems.

    The eigenvalues of Σ₁ Σ₂ that are not 0 are the squared singular values of xᵀ y (n, m).
    """
    if min(one.shape[1], two.shape[1]) < one.shape[0]:
        singular: Tensor = torch.linalg.svdvals(one.T @ two)
        return singular.sum()
    root = _root(one @ one.T)
    squares: Tensor = torch.linalg.eigvalsh(root @ (two @ two.T) @ root)
    return squares.clamp(min=0).sqrt().sum()


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root


def sliced_wasserstein(a: Tensor, b: Tensor, directions: int = 64, seed: int = 0) -> float:
    """Return the mean Wasserstein-1 distance of two equally large sets on random lines.

    The unit is the mean absolute deviation of `a` on the same lines; NaN where all a are alike.
    """
    if _alike(a):
        return float("nan")
    generator = torch.Generator().manual_seed(seed)
    lines = _unit(torch.randn(directions, a.shape[1], generator=generator)).to(a).T
    one, two = (a @ lines).sort(0).values, (b @ lines).sort(0).values
    size = (one - one.mean(0)).abs().mean()
    return float((one - two).abs().mean() / size)


def knn_distance(reference: Tensor, queries: Tensor, k: int = 5, unit: bool = True) -> Tensor:
    """Return the distance of each query (m, p) to its k-th nearest reference (n, p): (m,).

    Deep nearest neighbours (Sun et al. 2022), on activations of length one as published. That sees
    directions only: an activation that is a hundred times too long may be as near as any.

    Args:
        reference: activations (n, p).
        queries: other activations (m, p).
        k: which neighbour.
        unit: whether activations are scaled to length one.
    """
    one, two = reference.double(), queries.double()
    if unit:
        one, two = _unit(one), _unit(two)
    parts = [
        torch.cdist(part, one).kthvalue(min(k, len(one)), dim=1).values
        for part in torch.split(two, 1024)
    ]
    return torch.cat(parts)


def out_of_distribution(
    reference: Tensor, held_out: Tensor, reconstructed: Tensor, k: int = 5
) -> Tensor:
    """Return how much farther from `reference` reconstructions lie than their originals, (m,).

    Ratio of k-NN distances, (m,): 1 where a reconstruction is as much in distribution. NaN where
    the held-out activations have no distance themselves.

    Args:
        reference: activations (n, p).
        held_out: other activations (m, p).
        reconstructed: theirs.
        k: of the nearest neighbours.
    """
    own = knn_distance(reference, held_out, k).mean()
    ratio: Tensor = knn_distance(reference, reconstructed, k) / own
    return ratio if float(own) > ZERO else torch.full_like(ratio, torch.nan)
