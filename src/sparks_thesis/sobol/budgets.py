"""Black-box methods at a given budget of forward passes: how the budget becomes their settings."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt

from sparks.attribution.black_box import BlackBox
from sparks.attribution.hsic import HSIC
from sparks.attribution.lime import LIME
from sparks.attribution.occlusion import Occlusion
from sparks.attribution.rise import RISE
from sparks.attribution.shap import KernelSHAP
from sparks.attribution.sobol import Sobol
from sparks.errors import SparksError

# Below this sample size the output variance in the denominator of the indices is too noisy.
FEWEST_POINTS = 8
# Forward passes of Sobol on a 2 x 2 grid.
LEAST = FEWEST_POINTS * (2 * 2 + 2)


def within(method: BlackBox, forwards: int, side: int) -> BlackBox:
    """Give a method the settings with which it explains an image by at most `forwards` passes.

    RISE, LIME and HSIC draw as many masks. KernelSHAP has as many coalitions, with fewer cells
    where two for each would not determine their values. Occlusion takes the finest grid. Sobol
    keeps its grid as long as that leaves `FEWEST_POINTS` points, takes the finest that does below,
    and has as many points as it can (a power of two for the sequence "sobol").

    Args:
        method: the method with all its other settings.
        forwards: the budget for one image.
        side: of the image in pixels, which no grid can exceed.

    Raises:
        SparksError: for a method that has no such rule, or a budget too small for it.
    """
    if forwards < LEAST:
        raise SparksError(f"{forwards} forward passes explain nothing: take {LEAST} or more")
    match method:
        case RISE() | HSIC():
            return replace(method, masks=forwards)
        case LIME():
            return replace(method, samples=forwards)
        case KernelSHAP():
            # The full and the empty coalition are scored besides; d cells need 2 (d - 1) others.
            samples = forwards - 2
            return replace(
                method, samples=samples, grid=min(method.grid, isqrt(samples // 2 + 1), side)
            )
        case Occlusion():
            return replace(method, grid=min(isqrt(forwards - 1), side))
        case Sobol():
            finest = isqrt(forwards // FEWEST_POINTS - 2)
            grid = min(method.grid, finest, side)
            points = forwards // (grid**2 + 2)
            if method.sequence == "sobol":
                points = 1 << points.bit_length() - 1
            return replace(method, points=points, grid=grid)
    raise SparksError(
        f"{type(method).__name__} has no rule for a budget of forward passes: "
        "add one to sparks_thesis.sobol.budgets, or leave it out"
    )
