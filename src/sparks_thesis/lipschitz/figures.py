"""Figures of 1-Lipschitz networks: the toy problem, saliency, counterfactuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sparks.checks import whole
from sparks.errors import SparksError
from sparks.plots.axes import SIGNED
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sparks_thesis.common.figure_data import FigureData

BASELINE = "_unconstrained"


@dataclass(frozen=True)
class Toy:
    """Level sets of f, the two snowflakes, and steps x - f(x) ∇f(x).

    Attributes:
        steps: steps drawn on each curve.
    """

    steps: int = 60

    def __post_init__(self) -> None:
        whole(self, 1, "steps")

    def __call__(self, snowflakes: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        from matplotlib.figure import Figure

        from sparks.lipschitz.koch_snowflake import koch

        if not snowflakes:
            raise SparksError("fig-lipschitz-toy needs the study snowflakes")
        kept = snowflakes[0]
        metadata, arrays = kept.metadata, kept.arrays
        names = ["hkr_dense", "hkr_dense_unconstrained"]
        with style():
            figure = Figure(figsize=(PAGE, 3.8), layout="constrained")
            for axis, name in zip(figure.subplots(1, 2), names, strict=True):
                axis_of = arrays[f"{name}.axis"]
                levels = arrays[f"{name}.levels"]
                reach = float(np.abs(levels).max())
                shades = axis.contourf(
                    axis_of, axis_of, levels, 15, cmap=SIGNED, vmin=-reach, vmax=reach
                )
                axis.contour(axis_of, axis_of, levels, levels=[0], colors="k", linewidths=1.2)
                for radius in (metadata["inner"], metadata["outer"]):
                    curve = koch(radius, metadata["order"])
                    closed = np.concatenate([curve, curve[:1]])
                    axis.plot(*closed.T, color="#333333", lw=0.5)
                self._steps(axis, arrays["points"], arrays[f"{name}.ends"], axis_of)
                axis.set(xticks=[], yticks=[], aspect="equal")
                axis.set_title(
                    "1-Lipschitz, hKR" if name == "hkr_dense" else "unconstrained baseline"
                )
                figure.colorbar(shades, ax=axis, shrink=0.7, label="f")
        caption = (
            "Two concentric Koch snowflakes separated by a dense 1-Lipschitz network trained by "
            "hKR and by its unconstrained baseline (cross-entropy; f is the difference of its two "
            "logits). Colours: f; black: f = 0; grey segments: one step from x to x − f(x) ∇f(x). "
            "For the minimiser of hKR every step ends on f = 0 (serrurier2023lipschitz, Fig. 2); "
            "steps of the baseline that leave the picture are cut at its border."
        )
        return Drawing(figure, caption)

    def _steps(self, axis: Axes, points: Any, ends: Any, axis_of: Any) -> None:
        half = len(points) // 2
        for start in (0, half):
            chosen = slice(start, start + half, max(1, half // self.steps))
            for one, other in zip(points[chosen], ends[chosen], strict=True):
                axis.plot([one[0], other[0]], [one[1], other[1]], color="#555555", lw=0.5)
            axis.plot(*ends[chosen].T, "o", ms=1.2, color="#111111")
        axis.set(xlim=(axis_of[0], axis_of[-1]), ylim=(axis_of[0], axis_of[-1]))


@dataclass(frozen=True)
class LipschitzSaliency:
    """Saliency beside SmoothGrad, for each 1-Lipschitz network and its baseline.

    Attributes:
        rows: images of each data set.
    """

    rows: int = 3

    def __post_init__(self) -> None:
        whole(self, 1, "rows")

    def __call__(self, lipschitz_maps: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        from matplotlib.figure import Figure

        blocks = _pairs(lipschitz_maps)
        methods = ["Saliency", "SmoothGrad"]
        with style():
            columns, rows = 1 + 2 * len(methods), self.rows * len(blocks)
            width = min(PAGE, 1.15 * columns)
            figure = Figure(figsize=(width, width / columns * rows + 0.4), layout="constrained")
            axes = figure.subplots(rows, columns, squeeze=False)
            for place, pair in enumerate(blocks):
                for row in range(self.rows):
                    line = axes[place * self.rows + row]
                    shown = min(row, len(pair[0].arrays["images"]) - 1)
                    _picture(line[0], pair[0].arrays["images"][shown])
                    cells = iter(line[1:])
                    for kept in pair:
                        for method in methods:
                            axis, values = next(cells), kept.arrays[f"maps.{method}"][shown]
                            axis.imshow(values, cmap="magma", vmin=0)
                            if row == 0:
                                axis.set_title(f"{method}\n{_named(kept.model)}", fontsize=6)
                axes[place * self.rows, 0].set_title(pair[0].dataset, fontsize=6)
            for axis in axes.flat:
                axis.set(xticks=[], yticks=[])
        caption = (
            "Saliency and SmoothGrad of 1-Lipschitz networks trained by hKR and of their "
            "unconstrained baselines, for the predicted class, each map on its own scale. "
            "serrurier2023lipschitz (Figs. 1 and 3) finds the two methods nearly equal on "
            "1-Lipschitz networks; tab-lipschitz has their distance."
        )
        return Drawing(figure, caption)


@dataclass(frozen=True)
class Counterfactuals:
    """Images along x - t f(x) ∇f(x) / ‖∇f(x)‖², with the class that the model sees.

    Attributes:
        rows: images of each network.
        model: the 1-Lipschitz network shown, where it was measured; else the first that was.
    """

    rows: int = 3
    model: str = ""

    def __post_init__(self) -> None:
        whole(self, 1, "rows")

    def __call__(self, lipschitz_maps: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        from matplotlib.figure import Figure

        pairs = _pairs(lipschitz_maps)
        pair = next((pair for pair in pairs if pair[0].model == self.model), pairs[0])
        steps = pair[0].metadata["steps"]
        with style():
            columns = len(steps) * len(pair) + len(pair) - 1
            width = PAGE
            height = width / columns * self.rows * 1.35 + 0.5
            figure = Figure(figsize=(width, height), layout="constrained")
            blocks: Any = figure.subfigures(1, len(pair), wspace=0.04)
            for block, kept in zip(blocks, pair, strict=True):
                axes = block.subplots(self.rows, len(steps), squeeze=False)
                block.suptitle(kept.model, fontsize=8)
                for row in range(self.rows):
                    for column, t in enumerate(steps):
                        self._cell(axes[row, column], kept, row, column)
                        if row == 0:
                            axes[row, column].set_title(f"t = {t:g}", fontsize=7)
        caption = (
            f"Test images of {pair[0].dataset} along x − t f(x) ∇f(x) / ‖∇f(x)‖², cut to [0, 1]; f "
            "is half the difference of the logits of the model's class and of its closest rival. "
            "Below each image the class that the model sees and its logit; bold where it has "
            "changed. For the minimiser of hKR, whose gradient has norm 1, this is the paper's x "
            "− t f ∇f, and t = 1 ends on the boundary; tab-lipschitz-more has the norms of these "
            "networks. serrurier2023lipschitz (Figs. 5 and 6) shows similar images; "
            "tab-lipschitz-more tests them with an independent classifier."
        )
        return Drawing(figure, caption)

    @staticmethod
    def _cell(axis: Axes, kept: FigureData, row: int, column: int) -> None:
        row = min(row, kept.arrays["walked"].shape[1] - 1)
        _picture(axis, kept.arrays["walked"][column, row])
        logits = kept.arrays["logits"][column, row]
        seen = int(logits.argmax())
        weight = "bold" if seen != int(kept.arrays["target"][row]) else "normal"
        text = f"{kept.metadata['classes'][seen]}: {logits[seen]:.2f}"
        axis.set_xlabel(text, fontsize=6, fontweight=weight, labelpad=1)
        axis.set(xticks=[], yticks=[])


def _named(model: str) -> str:
    """Name a network above a narrow panel: its baseline by a second line."""
    name = model.removesuffix(BASELINE)
    return name if name == model else f"{name},\nunconstrained"


def _pairs(kept: Sequence[FigureData]) -> list[list[FigureData]]:
    """Each network with its baseline, of the smallest seed, data set after data set."""
    found = {(k.dataset, k.model): k for k in sorted(kept, key=lambda k: -k.seed)}
    pairs = [
        [one, found[dataset, model + BASELINE]]
        for (dataset, model), one in found.items()
        if (dataset, model + BASELINE) in found
    ]
    if not pairs:
        raise SparksError(
            "this figure needs a 1-Lipschitz network X and its baseline X_unconstrained"
        )
    order = list(dict.fromkeys((k.dataset, k.model) for k in kept))
    return sorted(pairs, key=lambda pair: order.index((pair[0].dataset, pair[0].model)))


def _picture(axis: Axes, image: Any) -> None:
    axis.imshow(image.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=1)
