"""fig-eva-exploration: what methods see of a ball, and what bounds prove of all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparks.errors import SparksError
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BOUNDS = {
    "IBP": "#D55E00",
    "Forward": "#E69F00",
    "Backward": "#0072B2",
    "IBP+Forward+Backward": "#000000",
}


@dataclass(frozen=True)
class Exploration:
    """A slice of the ball with what explores it, and the overlap against the radius."""

    def __call__(self, eva_maps: Sequence[FigureData]) -> Drawing:
        """Draw the figure from the first study that explored a ball."""
        from matplotlib.figure import Figure

        found = [kept for kept in eva_maps if "explored/slice" in kept.arrays]
        if not found:
            raise SparksError(
                "fig-eva-exploration has no slice: run the study on a network of `detailed`"
            )
        prefix = "explored/"
        arrays = {k.removeprefix(prefix): v for k, v in found[0].arrays.items() if prefix in k}
        with style():
            figure = Figure(figsize=(PAGE, 2.9), layout="constrained")
            picture, slice_, curves = figure.subplots(1, 3, width_ratios=[0.55, 1.25, 1.35])
            picture.imshow(arrays["image"].mean(0), cmap="gray", vmin=0, vmax=1)
            picture.set(xticks=[], yticks=[], title="the image")
            self._slice(slice_, arrays)
            handles, labels = slice_.get_legend_handles_labels()
            picture.legend(
                handles, labels, loc="upper center", bbox_to_anchor=(0.45, -0.08), fontsize=6,
                handlelength=1.2, frameon=False,
            )  # fmt: skip
            self._curves(curves, arrays)
        return Drawing(figure, self._caption(found[0], arrays))

    @staticmethod
    def _slice(axis: Axes, arrays: Mapping[str, NDArray[Any]]) -> None:
        values = arrays["slice"]
        most = float(np.abs(values).max())
        drawn = axis.imshow(
            values, extent=(-1, 1, -1, 1), origin="lower", cmap="RdBu_r", vmin=-most, vmax=most
        )
        if values.min() < 0 < values.max():
            axis.contour(values, [0], extent=(-1, 1, -1, 1), colors="k", linewidths=1)
        axis.plot([0, 1, 0, -1, 0], [1, 0, -1, 0, 1], color="k", lw=0.8, ls="--", label="the ball")
        axis.plot(*arrays["samples"].T, ".", ms=2, color="#666666", label="random samples")
        axis.plot(*arrays["path"].T, "-o", ms=3, lw=1, color="#009E73", label="attack")
        axis.plot(0, 0, "+", color="k", ms=9, mew=1.5, label="gradients")
        axis.set(xlabel="a, along the margin's gradient", ylabel="b, at random", title="a slice")
        axis.figure.colorbar(drawn, ax=axis, shrink=0.8, label="margin of another class")

    @staticmethod
    def _curves(axis: Axes, arrays: Mapping[str, NDArray[Any]]) -> None:
        radii = arrays["radii"]
        for (name, colour), values in zip(BOUNDS.items(), arrays["certified"].T, strict=True):
            last = name.startswith("IBP+")
            axis.plot(
                radii, values, color=colour, marker="v", ms=3, ls="--" if last else "-",
                label=f"proved, {name}",
            )  # fmt: skip
        axis.plot(radii, arrays["attacked"], "-o", ms=3, color="#009E73", label="found by attack")
        axis.plot(radii, arrays["sampled"], "-s", ms=3, color="#666666", label="found by sampling")
        axis.axhline(0, color="k", lw=0.6)
        axis.set(xscale="log", xlabel="radius of the ball", title="adversarial overlap")
        axis.set_yscale("symlog", linthresh=5)
        axis.set_xticks(radii, labels=[f"{r:g}" for r in radii], minor=False)
        axis.minorticks_off()
        axis.set_ylim(top=40 * max(5.0, float(arrays["certified"].max())))  # room for the legend
        axis.legend(loc="upper left", handlelength=1.5, fontsize=6, frameon=False)

    @staticmethod
    def _caption(kept: FigureData, arrays: Mapping[str, NDArray[Any]]) -> str:
        reach = np.abs(arrays["samples"]).max()
        return (
            f"What is explored of a ball around one image of {kept.dataset} ({kept.model}). "
            "Middle: "
            f"the margin of the best other class over the class seen on a slice of the ball of "
            f"radius {float(arrays['epsilon'][0]):g} (maximum norm; black contour: the class "
            "flips). "
            "Gradients look at one point; uniform samples of the ball, projected, stay within "
            f"{reach:.2f} of its radius, as all do in many dimensions; an attack walks to one "
            "corner. "
            "Verified bounds hold for every point of the ball. Right: the largest margin that "
            "sampling and an attack find is below what the bounds prove, at every radius (linear "
            "axis "
            "within ±5); where a bound is below 0 the image is certified. The paper's figure is "
            "a sketch."
        )
