"""Non-negative least squares against SciPy, ADMM, finite differences and the full KKT system."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import nnls as reference

from sparks.concepts import nnls
from sparks.concepts.implicit import derivative_errors


def problem(n, p, k, seed=0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, p, generator=generator, dtype=torch.float64)
    return a, torch.rand(k, p, generator=generator, dtype=torch.float64)


@given(k=st.integers(1, 12), p=st.integers(2, 20), seed=st.integers(0, 1000))
@example(k=12, p=12, seed=403)  # conditions of 1e5: the codes of the two differ by 4e-7
@example(k=8, p=8, seed=892)
def test_fits_as_well_as_scipy(k, p, seed):
    a, atoms = problem(7, p, min(k, p), seed)
    codes = nnls(a, atoms)
    theirs = np.stack([reference(atoms.T.numpy(), row)[0] for row in a.numpy()])
    best = (a - torch.from_numpy(theirs) @ atoms).norm(dim=1)
    assert (codes >= 0).all()
    assert ((a - codes @ atoms).norm(dim=1) <= best + 1e-10).all()


@pytest.mark.parametrize("k", [1, 5, 10])
def test_agrees_with_scipy(k):
    a, atoms = problem(40, 20, k)
    expected = np.stack([reference(atoms.T.numpy(), row)[0] for row in a.numpy()])
    assert np.allclose(nnls(a, atoms), expected, atol=1e-9)


def test_more_atoms_than_channels_and_dead_atoms_meet_the_conditions():
    a, atoms = problem(50, 6, 9)
    atoms[3] = 0
    u = nnls(a, atoms)
    slope = (u @ atoms - a) @ atoms.T
    assert (u >= 0).all()
    assert (u[:, 3] == 0).all()
    assert slope.min() > -1e-6
    assert (slope * u).abs().max() < 1e-6


def test_more_than_62_atoms():
    a, atoms = problem(20, 80, 70)
    expected = np.stack([reference(atoms.T.numpy(), row)[0] for row in a.numpy()])
    assert np.allclose(nnls(a, atoms), expected, atol=1e-7)


def test_gradients_agree_with_finite_differences():
    a, atoms = problem(5, 8, 4)
    assert torch.autograd.gradcheck(lambda x: nnls(x, atoms), a.requires_grad_())


def admm(a, atoms, rho=1.0, steps=4000):
    """U and its multipliers by the alternating direction method of multipliers."""
    gram, b = atoms @ atoms.T, a @ atoms.T
    inverse = torch.linalg.inv(gram + rho * torch.eye(len(gram)).double())
    z, y = torch.zeros_like(b), torch.zeros_like(b)
    for _ in range(steps):
        x = (b + rho * z - y) @ inverse
        z = (x + y / rho).clamp(min=0)
        y = y + rho * (x - z)
    return z, -y


def test_solution_and_derivative_agree_with_admm_and_its_duals():
    a, atoms = problem(6, 9, 5)
    z, dual = admm(a, atoms)
    assert torch.allclose(nnls(a, atoms), z, atol=1e-6)
    # The whole KKT system F(u, λ; a) = (G u - V a - λ, λ u) = 0, differentiated: no active set.
    gram = atoms @ atoms.T
    for row in range(len(a)):
        u, multiplier = z[row], dual[row]
        eye = torch.eye(5).double()
        system = torch.cat(
            [
                torch.cat([gram, -eye], 1),
                torch.cat([torch.diag(multiplier), torch.diag(u)], 1),
            ]
        )
        right = torch.cat([atoms, torch.zeros(5, 9).double()])
        expected = torch.linalg.solve(system, right)[:5]
        found = torch.autograd.functional.jacobian(lambda x: nnls(x[None], atoms)[0], a[row])
        assert torch.allclose(found, expected, atol=1e-5)


def test_the_pseudo_inverse_is_another_derivative_where_a_constraint_binds():
    a, atoms = problem(1, 8, 5)
    u = nnls(a, atoms)
    assert (u == 0).any()
    found = torch.autograd.functional.jacobian(lambda x: nnls(x, atoms)[0], a)[:, 0]
    assert not torch.allclose(found, torch.linalg.pinv(atoms).T, atol=0.1)
    assert found[u[0] == 0].abs().max() == 0


def test_keeps_the_dtype():
    a, atoms = problem(3, 6, 2)
    assert nnls(a.float(), atoms.float()).dtype == torch.float32


@pytest.mark.parametrize("rows", [1, 300])
def test_rows_do_not_depend_on_each_other(rows):
    a, atoms = problem(300, 8, 5)
    assert torch.allclose(nnls(a, atoms)[:rows], nnls(a[:rows], atoms), atol=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_both_implicit_derivatives_are_those_of_finite_differences(scale):
    a, atoms = problem(30, 12, 10)
    atoms = atoms * scale
    atoms[3], atoms[7] = 0.5 * atoms[1] + atoms[2], 0  # a dependent atom, and a dead one
    errors = derivative_errors(a, atoms)
    assert errors["active set"].median() < 1e-6
    assert errors["KKT system"].median() < 1e-6
    assert errors["pseudo-inverse"].median() > 0.1
