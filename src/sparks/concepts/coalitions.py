"""All 2^k subsets of k concepts: what methods that sample subsets find without sampling error.

A subset is a number from 0 to 2^k - 1; bit i says whether concept i is in it. Values v(S) are
logits of images whose other concepts are set to zero.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sparks.concepts.bank import Concepts
from sparks.concepts.layer import ConceptSum
from sparks.errors import SparksError

MOST = 12  # concepts; of more, no one waits for all subsets
NUMBERS = 2**24  # of the sums of concepts held at a time; bounds memory only


def members(k: int) -> Tensor:
    """Return which concepts each subset holds, bool (2^k, k)."""
    return (torch.arange(2**k)[:, None] >> torch.arange(k)) % 2 == 1


@torch.no_grad()
def values_of_subsets(concepts: Concepts, u: Tensor, target: int) -> Tensor:
    """Return the logit of a class with every subset of an image's concepts, float64 (N, 2^k).

    Args:
        concepts: k of them.
        u: coefficients of the images (N, k, L).
        target: the class.

    Raises:
        SparksError: for more than `MOST` concepts.
    """
    k = concepts.k
    if k > MOST:
        raise SparksError(f"{k} concepts have 2^{k} subsets: enumerate those of {MOST} at most")
    head, inside = ConceptSum(concepts.layer, concepts.dictionary), members(k).float()
    found = []
    for row in torch.split(u, 1):
        terms = head.terms(row.to(concepts.layer.device))[0]
        step = max(1, NUMBERS // terms.shape[1])
        masks = torch.split(inside.to(terms), step)
        found.append(torch.cat([head(part @ terms)[:, target] for part in masks]).double().cpu())
    return torch.stack(found)


def _with_and_without(values: Tensor, concept: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return v(S with the concept), v(S) and |S| of all S without it: (N, 2^(k-1)) twice, (n,)."""
    k = values.shape[1].bit_length() - 1
    inside = members(k)
    without = (~inside[:, concept]).nonzero()[:, 0]
    return values[:, without + 2**concept], values[:, without], inside[without].sum(1)


def shapley(values: Tensor) -> Tensor:
    """Return the Shapley values (N, k) of values of all subsets (N, 2^k) (Shapley 1953)."""
    k = values.shape[1].bit_length() - 1
    weights = torch.tensor([1 / (k * math.comb(k - 1, size)) for size in range(k)]).to(values)
    columns = []
    for concept in range(k):
        present, absent, size = _with_and_without(values, concept)
        columns.append(((present - absent) * weights[size]).sum(1))
    return torch.stack(columns, 1)


def total_sobol(values: Tensor) -> Tensor:
    """Return total Sobol indices (N, k) where each concept is there with probability 1/2.

    Jansen's formula over all subsets; NaN where no subset changes the value.
    """
    variance = values.var(1, correction=0)
    columns = []
    for concept in range(values.shape[1].bit_length() - 1):
        present, absent, _ = _with_and_without(values, concept)
        columns.append((present - absent).square().mean(1) / 4)
    return torch.stack(columns, 1) / variance.masked_fill(variance == 0, torch.nan)[:, None]


def rise(values: Tensor) -> Tensor:
    """Return the mean value (N, k) of the subsets that hold each concept: RISE's expectation."""
    k = values.shape[1].bit_length() - 1
    return torch.stack([_with_and_without(values, c)[0].mean(1) for c in range(k)], 1)


def best_areas(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the areas of C-Deletion and C-Insertion that no order of the concepts beats.

    The best of all k! orders by dynamic programming over subsets (Held & Karp 1962). Areas are
    those of the trapezoid rule over 0, 1/k, ..., 1, as in `sparks.metrics.Deletion`.

    Args:
        values: of all subsets (N, 2^k).

    Returns:
        The least and the largest area, (N,) each.
    """
    k = values.shape[1].bit_length() - 1
    inside = members(k)
    size, found = inside.sum(1), []
    weighted = values.clone()
    weighted[:, [0, -1]] /= 2
    for sign in (-1, 1):
        best = weighted.clone()
        for count in range(1, k + 1):
            subsets = (size == count).nonzero()[:, 0]
            held = inside[subsets].nonzero()[:, 1].view(len(subsets), count)
            before = best[:, subsets[:, None] - 2**held]
            best[:, subsets] += sign * (sign * before).amax(2)
        found.append(best[:, -1] / k)
    return found[0], found[1]
