"""Sequences: what SciPy gives, seeds, and the defect of unscrambled points."""

import numpy as np
import pytest
from scipy.stats import qmc

from sparks.errors import SparksError
from sparks.sensitivity.sequences import SEQUENCES, draw


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_a_seed_gives_the_same_points_in_the_unit_cube(sequence):
    points = draw(sequence, 16, 5, seed=1)
    assert points.shape == (16, 5)
    assert (points >= 0).all()
    assert (points < 1).all()
    np.testing.assert_array_equal(points, draw(sequence, 16, 5, seed=1))
    assert not np.array_equal(points, draw(sequence, 16, 5, seed=2))


def test_unscrambled_points_are_the_published_ones():
    np.testing.assert_array_equal(
        draw("sobol", 8, 4, scramble=False, seed=3), qmc.Sobol(4, scramble=False).random(8)
    )
    # Halton in bases 2 and 3.
    halton = draw("halton", 4, 2, scramble=False)
    np.testing.assert_allclose(halton[:, 0], [0, 1 / 2, 1 / 4, 3 / 4])
    np.testing.assert_allclose(halton[:, 1], [0, 1 / 3, 2 / 3, 1 / 9])
    # A Latin hypercube has one point in each of n slices of each axis.
    centres = np.sort(draw("latin-hypercube", 6, 3, scramble=False), axis=0)
    np.testing.assert_allclose(centres, (np.arange(6)[:, None] + 0.5) / 6 * np.ones((1, 3)))


def test_unscrambled_halton_is_collinear_in_many_dimensions_and_scrambled_is_not():
    def collinear(scramble):
        points = draw("halton", 32, 40, scramble=scramble)
        correlation = np.abs(np.corrcoef(points.T))[np.triu_indices(40, 1)]
        return int((correlation > 0.9999).sum())

    assert collinear(scramble=False) > 100
    assert collinear(scramble=True) == 0


def test_bad_sequences_are_refused():
    with pytest.raises(SparksError, match="power of two of points, not 100: take 64 or 128"):
        draw("sobol", 100, 2)
    with pytest.raises(SparksError, match="'faure' is unknown"):
        draw("faure", 8, 2)
