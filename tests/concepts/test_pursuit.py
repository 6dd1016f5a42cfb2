"""Matching pursuit, against planted codes and exact non-negative least squares."""

import torch

from sparks.concepts import nnls
from sparks.concepts.metrics import dead, matched_correlation
from sparks.concepts.pursuit import pursuit

GENERATOR = torch.Generator().manual_seed(0)


def test_sparse_codes_of_an_overcomplete_dictionary_are_found():
    atoms = torch.randn(96, 64, generator=GENERATOR)
    codes = torch.zeros(200, 96)
    for row in codes:
        row[torch.randperm(96, generator=GENERATOR)[:3]] = 1 + torch.rand(3, generator=GENERATOR)
    a = codes @ atoms
    found = pursuit(a, atoms, 3)
    right = ((found > 0) == (codes > 0)).all(1)
    assert float(right.float().mean()) > 0.95
    assert torch.allclose(found[right], codes[right], atol=1e-2)


def test_with_all_atoms_it_is_the_non_negative_least_squares():
    atoms = torch.rand(5, 12, generator=GENERATOR)
    a = torch.rand(40, 12, generator=GENERATOR)
    exact, found = nnls(a, atoms), pursuit(a, atoms, 5)
    rest = [(a - codes @ atoms).square().sum(1) for codes in (exact, found)]
    assert torch.allclose(rest[0], rest[1], rtol=0.02)
    assert float(found.min()) >= 0


def test_more_atoms_never_fit_worse_and_dead_atoms_are_never_chosen():
    atoms = torch.rand(20, 8, generator=GENERATOR)
    atoms[7] = 0
    a = torch.rand(30, 8, generator=GENERATOR)
    errors = [float((a - pursuit(a, atoms, k) @ atoms).square().sum()) for k in (1, 2, 4, 8)]
    assert errors == sorted(errors, reverse=True)
    codes = pursuit(a, atoms, 4)
    assert int((codes > 0).sum(1).max()) <= 4
    assert float(codes[:, 7].max()) == 0
    assert dead(codes) >= 1 / 20


def test_codes_that_are_permuted_agree_and_shuffled_ones_do_not():
    codes = torch.rand(300, 6, generator=GENERATOR) ** 4
    codes[:, 2] = 0  # dead: it has no partner to lose
    other = 3 * codes[:, torch.randperm(6, generator=GENERATOR)]
    assert abs(matched_correlation(codes, other) - 1) < 1e-6
    mixed = other[torch.randperm(300, generator=GENERATOR)]
    assert matched_correlation(codes, mixed) < 0.3
