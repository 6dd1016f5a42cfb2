"""Named options for the details in which the published code bases of the harmonizer differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Details of the harmonizer's loss in which the published code bases differ.

    The defaults are those of the released version; `RECIPES` holds all that are published. See
    `harmonizer_loss` for the equations.

    Attributes:
        levels: of the Gaussian pyramid that are compared, the full size included.
        eps_std: added to a map's standard deviation.
        eps_human: added to the human map's maximum, by which it is divided.
        eps_saliency: added to the saliency's maximum, by which the human map is multiplied.
        bessel: whether the standard deviation is that of a sample (n - 1), not of a population.
        stop_gradient: whether the saliency's maximum counts as a constant.
        padding: of the pyramid, one of `sparks.alignment.pyramid.PADDINGS`.
        tokens: whether images without a human map are left out of the sum; if not, each needs one.

    Example:
        >>> from sparks.alignment import RECIPES
        >>> list(RECIPES)
        ['released', '2022', 'pytorch']
        >>> RECIPES["released"] == Recipe()
        True
        >>> RECIPES["2022"].levels, RECIPES["2022"].padding
        (6, 'reflect')
    """

    levels: int = 5
    eps_std: float = 1e-5
    eps_human: float = 1e-6
    eps_saliency: float = 1e-6
    bessel: bool = False
    stop_gradient: bool = True
    padding: str = "same"
    tokens: bool = True


# "released": serre-lab/Harmonization 0.0.9. "2022": the lab's first code (its pyramid came from a
# library whose border is not known: mirrored here). "pytorch": the lab's port, Pseudo_ClickMe.
RECIPES = {
    "released": Recipe(),
    "2022": Recipe(levels=6, eps_human=1e-4, eps_saliency=0.0, padding="reflect"),
    "pytorch": Recipe(
        eps_std=1e-6, bessel=True, stop_gradient=False, padding="symmetric", tokens=False
    ),
}
