"""fig-eva-targeted: where ink must be added, or removed, for the network to see another class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparks.checks import whole
from sparks.errors import SparksError
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.style import PAGE, Drawing, style


@dataclass(frozen=True)
class Targeted:
    """Images × (image, add, remove, both on the image).

    Attributes:
        images: how many, of different pairs of classes.
    """

    images: int = 4

    def __post_init__(self) -> None:
        whole(self, 1, "images")

    def __call__(self, eva_maps: Sequence[FigureData]) -> Drawing:
        """Draw the figure from the first study that has targeted maps."""
        from matplotlib.figure import Figure

        found = [kept for kept in eva_maps if "targeted/add" in kept.arrays]
        if not found:
            raise SparksError(
                "fig-eva-targeted has no map: run the study on a network of `detailed`"
            )
        kept = found[0]
        arrays = kept.arrays
        chosen = _different(arrays["target"], arrays["toward"], self.images)
        with style():
            figure = Figure(
                figsize=(PAGE, 0.58 * PAGE * len(chosen) / 4 + 0.5), layout="constrained"
            )
            axes = figure.subplots(len(chosen), 4, squeeze=False)
            for row, index in zip(axes, chosen, strict=True):
                self._row(row, arrays, index)
            for axis, title in zip(
                axes[0], ["the image", "add ink, B(+)", "remove ink, B(−)", "both"], strict=True
            ):
                axis.set_title(title)
        return Drawing(figure, self._caption(kept))

    @staticmethod
    def _row(axes: NDArray[Any], arrays: Any, index: int) -> None:
        picture = arrays["images"][index].mean(0)
        add, remove = arrays["targeted/add"][index], arrays["targeted/remove"][index]
        most = max(float(add.max()), float(remove.max())) or 1.0
        axes[0].imshow(picture, cmap="gray", vmin=0, vmax=1)
        axes[0].set_ylabel(
            f"{arrays['target'][index]} → {arrays['toward'][index]}",
            rotation=0,
            ha="right",
            va="center",
        )
        axes[1].imshow(add, cmap="Reds", vmin=0, vmax=most)
        axes[2].imshow(remove, cmap="Blues", vmin=0, vmax=most)
        ink = np.stack([picture] * 3, 2) * 0.6 + 0.2
        ink[..., 0] += 0.6 * add / most
        ink[..., 2] += 0.6 * remove / most
        axes[3].imshow(ink.clip(0, 1))
        for axis in axes:
            axis.set(xticks=[], yticks=[])

    @staticmethod
    def _caption(kept: FigureData) -> str:
        settings = kept.metadata["config"]["studies.eva"]["detailed"]
        return (
            f"Targeted EVA on {kept.model}, {kept.dataset}: the class that is seen → the one "
            "with the "
            "next largest logit. Red: cells where only more ink (δ ≥ 0) could raise the margin "
            "of that "
            "class, by the drop of the certified bound when the cell is frozen; blue: cells "
            "where only "
            f"less ink (δ ≤ 0) could; one scale for both. Radius {settings['toward']}, within "
            "[0, 1]: a "
            "white pixel cannot get more ink, a black one no less. Last column: both over the "
            "image. "
            "The paper shows the same on MNIST, without numbers; ours are in tab-claims, "
            "eva-targeted-sign."
        )


def _different(target: NDArray[Any], toward: NDArray[Any], count: int) -> list[int]:
    """Choose the first image of each of `count` target classes."""
    first: dict[int, int] = {}
    for index, label in enumerate(target.tolist()):
        first.setdefault(label, index)
    return sorted(first.values())[:count]
