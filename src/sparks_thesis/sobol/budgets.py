"""Methods at a given budget of forward passes."""

from __future__ import annotations

from sparks.attribution.black_box import no_budget
from sparks.attribution.sobol import FEWEST_POINTS
from sparks.errors import SparksError
from sparks.protocols import AttributionMethod

# Forward passes of Sobol on a 2 x 2 grid.
LEAST = FEWEST_POINTS * (2 * 2 + 2)


def within(method: AttributionMethod, forwards: int, side: int) -> AttributionMethod:
    """Give a method the settings with which it explains an image by at most `forwards` passes.

    The rule is the method's own, `BlackBox.within`.

    Args:
        method: the method with all its other settings.
        forwards: the budget for one image.
        side: of the image in pixels, which no grid can exceed.

    Raises:
        SparksError: for a method that has no such rule, or a budget too small for it.
    """
    if forwards < LEAST:
        raise SparksError(f"{forwards} forward passes explain nothing: take {LEAST} or more")
    rule = getattr(method, "within", None)
    if rule is None:
        raise no_budget(method)
    fitted: AttributionMethod = rule(forwards, side)
    return fitted


def keeps_grid(method: AttributionMethod, fitted: AttributionMethod, side: int) -> bool:
    """Return whether a method has its own grid at a budget, as far as pixels allow.

    Methods are compared on one grid: a coarser one is another question.
    """
    grid = getattr(method, "grid", None)
    return grid is None or getattr(fitted, "grid", None) == min(grid, side)
