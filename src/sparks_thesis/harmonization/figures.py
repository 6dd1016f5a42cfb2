"""Figures of the harmonizer: its maps, its trade-off, and accuracy on human features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sparks.checks import between, whole
from sparks.errors import SparksError
from sparks_thesis.common.style import PAGE, Drawing, style
from sparks_thesis.harmonization.tables import about_people, of_networks, of_population

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from sparks_thesis.common.figure_data import FigureData


# One colour an architecture (Okabe & Ito), one marker a weight.
_COLOURS = {
    "convnet": "#0072B2",
    "vit_tiny": "#D55E00",
    "resnet18": "#009E73",
    "hkr_convnet": "#CC79A7",
}
_MARKERS = "osD^vP"


def _label(kept: FigureData) -> str:
    if "harmonizer_weight" not in kept.metadata:
        return kept.model
    return f"{kept.metadata['architecture']}\nλ = {kept.metadata['harmonizer_weight']:g}"


@dataclass(frozen=True)
class HarmonizedGallery:
    """Image, human map, and the saliency of every network of one seed.

    Attributes:
        rows: images.
        blur: standard deviation of the smoothing for display, in pixels, of saliency only.
    """

    rows: int = 4
    blur: float = 1.0

    def __post_init__(self) -> None:
        whole(self, 1, "rows")
        between(self, 0, math.inf, "blur", ends=True)

    def __call__(self, alignment_maps: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        from matplotlib.figure import Figure
        from scipy.ndimage import gaussian_filter

        if not alignment_maps:
            raise SparksError("fig-harmonized-gallery needs the maps of the study alignment")
        seed = min(kept.seed for kept in alignment_maps)
        shown = [kept for kept in alignment_maps if kept.seed == seed]
        first = shown[0]
        rows = min(self.rows, len(first.arrays["images"]))
        with style():
            columns = 2 + len(shown)
            width = min(PAGE, 1.15 * columns)
            figure = Figure(figsize=(width, width / columns * rows + 0.5), layout="constrained")
            axes = figure.subplots(rows, columns, squeeze=False)
            for row in range(rows):
                picture = first.arrays["images"][row].transpose(1, 2, 0).squeeze()
                axes[row, 0].imshow(picture, cmap="gray", vmin=0, vmax=1)
                name = first.metadata["classes"][int(first.arrays["labels"][row])]
                axes[row, 0].set_ylabel(str(name), fontsize=6)
                axes[row, 1].imshow(first.arrays["human"][row], cmap="magma")
                for axis, kept in zip(axes[row, 2:], shown, strict=True):
                    smooth = gaussian_filter(kept.arrays["saliency"][row], self.blur)
                    axis.imshow(smooth, cmap="magma", vmax=np.quantile(smooth, 0.995))
            for axis in axes.flat:
                axis.set(xticks=[], yticks=[])
            titles = [
                "image",
                "human map" + ("\n(simulated)" if about_people([first.dataset]) else ""),
                *(_label(k) for k in shown),
            ]
            for axis, title in zip(axes[0], titles, strict=True):
                axis.set_title(title, fontsize=7)
        caption = (
            "Unbiased test images, human maps, and the gradient of the true logit (largest "
            f"absolute value over channels, smoothed by {self.blur:g} pixel for display, each map "
            "on its own scale) of baselines (λ = 0) and harmonized networks of one seed. "
            f"{about_people([kept.dataset for kept in shown])}"
            "fel2022harmonization shows the same of networks for ImageNet."
        )
        return Drawing(figure, caption)


# Splits on which accuracy is measured, and their names; the first one is what the paper plots.
_ACCURACIES = {"test_biased": "as in training", "test": "unbiased"}


@dataclass(frozen=True)
class AlignmentTradeoff:
    """Accuracy against alignment: ours with arrows, and the published cloud beside it."""

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame) -> Drawing:
        """Draw the figure.

        Args:
            scores: tidy scores of the experiment.
            published: rows of fel2022harmonization and serrurier2023lipschitz.
        """
        from matplotlib.figure import Figure

        networks, population = of_networks(scores), 100 * of_population(scores)
        measured = set(networks[networks["metric"] == "Accuracy"]["setting"])
        settings = [setting for setting in _ACCURACIES if setting in measured]
        with style():
            figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
            *ours, right = figure.subplots(1, len(settings) + 1)
            for axis, setting in zip(ours, settings, strict=True):
                if setting in population:
                    axis.scatter(
                        population[setting], population["Alignment"], s=6, color="#999999",
                        label="other networks",
                    )  # fmt: skip
                self._ours(axis, networks, setting)
                of_images = f", {_ACCURACIES[setting]}" if len(settings) > 1 else ""
                axis.set(xlabel=f"accuracy{of_images} (%)")
            ours[0].set(ylabel="alignment (%)")
            ours[0].legend(frameon=False, fontsize=6)
            self._published(right, published)
        caption = (
            "Accuracy against alignment with human maps (Spearman over the human ceiling), on "
            "images in which the background gives the class away as in training, and on images "
            "in which it does not (unbiased), where the data have both. Each point is a "
            "network's mean over seeds with the range of its seeds, arrows lead from the baseline "
            "of the same recipe (λ = 0) to each harmonized network; dots are small standard "
            f"networks of {len(population)} kinds, trained on fewer images. "
            f"{about_people(scores['dataset'])}Right: as published on ImageNet and "
            "ClickMe: dots are the models of fel2022harmonization, read off its figure, squares "
            "its harmonized models with arrows from their baselines, triangles the 1-Lipschitz "
            "networks of serrurier2023lipschitz (from a summary of the paper)."
        )
        return Drawing(figure, caption)

    def _ours(self, axis: Axes, means: pd.DataFrame, setting: str) -> None:
        wide = means[
            (means["metric"] == "Alignment") & (means["setting"] == "max-abs")
            | (means["metric"] == "Accuracy") & (means["setting"] == setting)
        ].pivot_table(
            index=["architecture", "harmonizer_weight", "seed"], columns="metric", values="value"
        )
        wide = 100 * wide
        for name in dict.fromkeys(wide.index.get_level_values(0)):
            colour = _COLOURS.get(str(name), "#999999")
            of_name = wide.loc[name]
            weights = sorted(set(of_name.index.get_level_values(0)))
            centre = {w: of_name.loc[w].mean() for w in weights}
            for marker, weight in zip(_MARKERS, weights, strict=False):
                points, mean = of_name.loc[weight], centre[weight]
                spread = [
                    [[mean[k] - points[k].min()], [points[k].max() - mean[k]]]
                    for k in ("Accuracy", "Alignment")
                ]
                axis.errorbar(
                    mean["Accuracy"], mean["Alignment"], spread[1], spread[0], fmt=marker,
                    color=colour, ms=4, lw=0.8, label=f"{name}, λ = {weight:g}",
                )  # fmt: skip
                if weight > 0 and weights[0] == 0:
                    _arrow(axis, centre[weights[0]].to_numpy(), mean.to_numpy(), colour)
        axis.set(title="Here: " + ", ".join(sorted(set(means["dataset"]))))

    @staticmethod
    def _published(axis: Axes, published: pd.DataFrame) -> None:
        points = _pairs(published[published["paper"] == "fel2022harmonization"])
        kind = points.index.get_level_values("condition")
        kinds: list[tuple[str, Any, dict[str, Any]]] = [
            ("other models", ~kind.isin(["harmonized", "baseline"]), {"s": 6, "color": "#999999"}),
            ("baseline", kind == "baseline", {"s": 14, "color": "#000000"}),
            ("harmonized", kind == "harmonized", {"s": 18, "color": "#0072B2", "marker": "s"}),
        ]
        for name, chosen, look in kinds:
            axis.scatter(*points[chosen].to_numpy().T, label=name, **look)
        for name in dict.fromkeys(points[kind == "harmonized"].index.get_level_values("model")):
            if (name, "baseline") in points.index:
                tail, head = points.loc[(name, "baseline")], points.loc[(name, "harmonized")]
                _arrow(axis, tail.to_numpy(), head.to_numpy(), "#0072B2")
        points = _pairs(published[published["paper"] == "serrurier2023lipschitz"])
        ours = points[points.index.get_level_values("model").str.startswith("OTNN")].to_numpy()
        axis.scatter(
            ours[:, 0], 100 * ours[:, 1], s=22, marker="^", color="#CC79A7", label="1-Lipschitz"
        )
        axis.set(xlabel="accuracy, ImageNet (%)", title="Published: ImageNet, ClickMe")
        axis.legend(frameon=False, fontsize=6)


def _arrow(axis: Axes, start: NDArray[Any], end: NDArray[Any], colour: str) -> None:
    axis.annotate(
        "",
        tuple(end),
        tuple(start),
        arrowprops={"arrowstyle": "->", "color": colour, "lw": 0.8, "alpha": 0.6},
    )


def _pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy and alignment of each published model, by (model, condition)."""
    rows = rows[rows["metric"].isin(["Accuracy", "Alignment"])].fillna({"condition": ""})
    wide = rows.pivot_table(
        index=["model", "condition"], columns="metric", values="value", aggfunc="first"
    )
    return wide.dropna()


@dataclass(frozen=True)
class HumanFeatures:
    """Accuracy against the share of human features that is shown."""

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from the experiment's tidy scores."""
        from matplotlib.figure import Figure

        means = of_networks(scores)
        curves = means[means["metric"] == "RevealedAccuracy"]
        curves = curves.assign(share=100 * curves["revealed"])
        names = list(dict.fromkeys(curves["architecture"]))
        with style():
            width = min(PAGE, 3.5 * len(names))
            figure = Figure(figsize=(width, 2.8), layout="constrained")
            axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
            for axis, name in zip(axes, names, strict=True):
                rows = curves[curves["architecture"] == name]
                weights = sorted(set(rows["harmonizer_weight"]))
                for place, weight in enumerate(weights):
                    self._curve(
                        axis,
                        rows[rows["harmonizer_weight"] == weight],
                        weight,
                        place / len(weights),
                    )
                axis.axhline(10, color="#999999", lw=0.6, ls=":")
                axis.set(xlabel="human features shown (%)", title=name)
                axis.legend(frameon=False)
            axes[0].set_ylabel("accuracy (%)")
        caption = (
            "Accuracy on unbiased test images of which only the pixels with the highest values of "
            "the human map are shown, the others grey: baselines (λ = 0) and harmonized networks, "
            "mean over seeds with the range of the seeds; dotted, chance. "
            f"{about_people(scores['dataset'])}"
            "fel2022harmonization compares such curves with those of people; neither its curves "
            "nor people's are available, so no distance to people is given."
        )
        return Drawing(figure, caption)

    @staticmethod
    def _curve(axis: Axes, rows: pd.DataFrame, weight: float, shade: float) -> None:
        from matplotlib import colormaps

        wide = 100 * rows.pivot_table(index="share", columns="seed", values="value")
        colour = "#000000" if weight == 0 else colormaps["viridis"](0.15 + 0.8 * shade)
        style_of = "--" if weight == 0 else "-"
        axis.plot(wide.index, wide.mean(axis=1), style_of, color=colour, label=f"λ = {weight:g}")
        axis.fill_between(wide.index, wide.min(axis=1), wide.max(axis=1), color=colour, alpha=0.12)
