"""Points in the unit cube: quasi-Monte Carlo and Monte Carlo sequences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparks.errors import SparksError

SEQUENCES = ("sobol", "halton", "latin-hypercube", "monte-carlo")


def check_size(sequence: str, n: int) -> None:
    """Refuse a number of points for which a sequence has no balance.

    Args:
        sequence: see `draw`.
        n: number of points.

    Raises:
        SparksError: when the sequence is "sobol" and `n` is no power of two; it names two that are.

    Example:
        >>> check_size("sobol", 128)
        >>> check_size("sobol", 100)
        Traceback (most recent call last):
            ...
        sparks.errors.SparksError: a Sobol sequence is balanced only for a power of two of points,
            not 100: take 64 or 128
    """
    if sequence == "sobol" and (n < 1 or n & (n - 1)):
        raise SparksError(
            f"a Sobol sequence is balanced only for a power of two of points, not {n}: "
            f"take {1 << max(n.bit_length() - 1, 0)} or {1 << n.bit_length()}"
        )


def draw(
    sequence: str, n: int, dimensions: int, scramble: bool = True, seed: int = 0
) -> NDArray[np.float64]:
    """Draw `n` points of a sequence.

    Args:
        sequence: "sobol" (Joe & Kuo's direction numbers; scrambled: Owen 1995 / Matousek 1998),
            "halton" (scrambled: Owen 2017), "latin-hypercube" (unscrambled: cell centres, still
            in random order), "monte-carlo" (always random).
        n: number of points; a power of two for "sobol".
        dimensions: number of columns.
        scramble: randomise the points. Unscrambled Sobol and Halton points, as the released code
            of the Sobol attribution method draws them, are badly correlated in many dimensions.
        seed: of the randomisation.

    Returns:
        float64 (n, dimensions) in [0, 1).

    Raises:
        SparksError: for an unknown sequence, for a number of points it has no balance for, and for
            more dimensions than a Sobol sequence has.

    Example:
        Scrambled or not, eight points of a Sobol sequence lie in eight different eighths.

        >>> points = draw("sobol", 8, dimensions=2)
        >>> points.shape
        (8, 2)
        >>> sorted((8 * points[:, 0]).astype(int).tolist())
        [0, 1, 2, 3, 4, 5, 6, 7]
    """
    from scipy.stats import qmc

    generator = np.random.Generator(np.random.PCG64(seed))
    if sequence == "monte-carlo":
        return generator.random((n, dimensions))
    check_size(sequence, n)
    if sequence == "sobol":
        if dimensions > qmc.Sobol.MAXDIM:
            raise SparksError(
                f"a Sobol sequence has at most {qmc.Sobol.MAXDIM} dimensions, not {dimensions} "
                "(two for each feature in the Sobol method): take a coarser grid or another one"
            )
        engine = qmc.Sobol(dimensions, scramble=scramble, rng=generator)
    elif sequence == "halton":
        engine = qmc.Halton(dimensions, scramble=scramble, rng=generator)
    elif sequence == "latin-hypercube":
        engine = qmc.LatinHypercube(dimensions, scramble=scramble, rng=generator)
    else:
        raise SparksError(f"sequence {sequence!r} is unknown: choose one of {SEQUENCES}")
    points: NDArray[np.float64] = engine.random(n)
    return points
