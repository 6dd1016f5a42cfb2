"""Figures of MACO: spectra, a grid of features, inversion with its transparency map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparks.errors import SparksError
from sparks.plots.axes import bare, picture
from sparks.stats import Bootstrap
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from sparks_thesis.common.figure_data import FigureData

NATURAL = "natural images"
# One colour a method, distinguishable by colour-blind readers (Okabe & Ito).
_COLOURS = {
    NATURAL: "#000000",
    "MACO": "#0072B2",
    "Fourier": "#D55E00",
    "MACO, crops of Fourier": "#56B4E9",
    "Fourier, crops of MACO": "#E69F00",
    "CBR": "#009E73",
    "Pixels": "#CC79A7",
}
_OTHER = "#999999"
KINDS = {"logit": "logits", "channel": "channels", "concept": "concepts"}


@dataclass(frozen=True)
class Spectrum:
    """Radial power of pictures of logits beside that of the training images.

    Attributes:
        bootstrap: of the mean share of high frequencies, over pictures.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, maco_pictures: Sequence[FigureData], scores: pd.DataFrame) -> Drawing:
        """Draw the figure: a row a model."""
        from matplotlib.figure import Figure

        if not maco_pictures:
            raise SparksError("fig-maco-spectrum needs the study maco: no model was drawn")
        rows = len(maco_pictures)
        with style():
            figure: Any = Figure(figsize=(PAGE, 2.5 * rows + 0.5), layout="constrained")
            axes = figure.subplots(rows, 2, squeeze=False, width_ratios=[1.5, 1])
            for (left, right), kept in zip(axes, maco_pictures, strict=True):
                names = [NATURAL, *kept.metadata["methods"]]
                self._curves(left, kept, names)
                self._shares(right, _of(scores, kept), names)
                left.set_title(f"{kept.model} on {kept.dataset}", loc="left")
            figure.legend(
                *axes[0, 0].get_legend_handles_labels(),
                loc="outside lower center", ncols=4, frameon=False,
            )  # fmt: skip
        caption = (
            "Power spectrum of each method's visualisations of class logits, compared with "
            "training images. Left: mean power |F|² / (H W) on rings of equal frequency, of "
            "pixels in [0, 1], averaged over pictures (each on its own canvas). MACO fixes the "
            "magnitude before colours are squashed into [0, 1]; its canvas is larger, so it "
            "reaches lower frequencies. Right: share of a picture's power above 0.2 cycles per "
            f"pixel, mean and {self.bootstrap.level:.0%} interval over pictures; dashed: test "
            "images. The paper shows such curves for a vision transformer on ImageNet; its "
            "values are not available."
        )
        return Drawing(figure, caption)

    @staticmethod
    def _curves(axis: Axes, kept: FigureData, names: Sequence[str]) -> None:
        for name in names:
            known = {"lw": 2.0, "zorder": 5} if name == NATURAL else {"lw": 1.2}
            frequencies, power = kept.arrays[f"frequencies.{name}"], kept.arrays[f"power.{name}"]
            axis.loglog(frequencies, power, color=_colour(name), label=_label(name), **known)
        axis.axvline(0.2, color="#bbbbbb", lw=0.8, ls=":")
        axis.set(xlabel="cycles per pixel", ylabel="power")

    def _shares(self, axis: Axes, scores: pd.DataFrame, names: Sequence[str]) -> None:
        rows = scores[scores["metric"] == "HighFrequencyShare"]
        rows = rows[rows["objective"] == "logit"]
        for place, name in enumerate(names):
            values = rows[rows["method"] == name]["value"]
            found = self.bootstrap.mean(values)
            if name == NATURAL:
                axis.axvline(found.mean, color="k", ls="--", lw=0.8)
            ends = np.nan_to_num([[found.mean - found.low], [found.high - found.mean]])
            axis.errorbar(found.mean, place, xerr=ends, fmt="o", ms=4, color=_colour(name))
        labels = [_label(name).replace(", ", ",\n") for name in names]
        axis.set_yticks(range(len(names)), labels)
        axis.invert_yaxis()
        axis.set(xlabel="power above 0.2 cycles per pixel", xlim=(0, None))


@dataclass(frozen=True)
class Grid:
    """Visualisations of the first model's features: a column each, one row per method."""

    def __call__(self, maco_pictures: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        from matplotlib.figure import Figure

        kept = _first(maco_pictures, "fig-maco-grid")
        metadata = kept.metadata
        methods = list(metadata["methods"])
        rows = ["example", methods[0], f"{methods[0]} + α", *methods[1:]]
        counts = [len(kept.arrays[f"{kind}.{methods[0]}"]) for kind in KINDS]
        columns, width = sum(counts), PAGE - 1.2
        with style():
            size = (PAGE, width / columns * len(rows) + 0.5)
            figure: Any = Figure(figsize=size, layout="constrained")
            # The first part has the labels of the rows beside it.
            ratios = [count + (1.8 if i == 0 else 0.2) for i, count in enumerate(counts)]
            parts = figure.subfigures(1, len(KINDS), width_ratios=ratios)
            for part, kind, count in zip(parts, KINDS, counts, strict=True):
                axes = part.subplots(len(rows), count, squeeze=False)
                for line, row in zip(axes, rows, strict=True):
                    for axis, image in zip(line, _row(kept, kind, row), strict=True):
                        picture(axis, image)
                    if kind == "logit":
                        _beside(line[0], _label(row).replace(", ", ",\n"))
                for axis, title in zip(axes[0], self._titles(kept, kind), strict=False):
                    axis.set_title(title, fontsize=7)
                part.suptitle(KINDS[kind], fontsize=8, fontweight="bold")
        caption = (
            f"Feature visualisation of {kept.model} on {kept.dataset}: class logits, channels of "
            f"the layer {kept.metadata['layer']}, and concepts (directions) that CRAFT finds there "
            f"for the class {kept.metadata['concept_class']}, drawn by each method from the same "
            "seed. Example: the test image (for concepts: the training crop) with the largest "
            "response. α: transparency from the gradients accumulated over the ascent, on white. "
            "Each picture is shown from its 1st to its 99th percentile, as in the released codes. "
            "The paper's grids show ImageNet models; here the choice is fixed in advance: the "
            "first classes, equally spaced channels, and the most frequent concepts."
        )
        return Drawing(figure, caption)

    @staticmethod
    def _titles(kept: FigureData, kind: str) -> list[str]:
        """Return the titles of columns, padded to equally many lines so that rows are level."""
        classes = [str(name).replace("+", "+\n") for name in kept.metadata["classes"]]
        titles = {
            "logit": classes,
            "channel": kept.metadata["channels"],
            "concept": kept.metadata["concepts"],
        }
        lines = max(name.count("\n") for name in classes)
        return ["\n" * (lines - str(title).count("\n")) + str(title) for title in titles[kind]]


@dataclass(frozen=True)
class Inversion:
    """Pictures with the activations of given images, for the first model."""

    def __call__(self, maco_pictures: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        from matplotlib.figure import Figure

        kept = _first(maco_pictures, "fig-maco-inversion")
        methods, first = self._different(kept), kept.metadata["methods"][0]
        layer = kept.metadata["layer"]
        images = kept.arrays["inverted"]
        columns = ["image", first, "α", f"{first} + α", *methods[1:]]
        with style():
            side = PAGE / len(columns)
            size = (PAGE, side * len(images) + 0.35)
            figure: Any = Figure(figsize=size, layout="constrained")
            axes = figure.subplots(len(images), len(columns), squeeze=False)
            for i, line in enumerate(axes):
                for axis, column in zip(line, columns, strict=True):
                    if column == "image":
                        picture(axis, images[i])
                    elif column == "α":
                        axis.imshow(kept.arrays[f"inversion.{first}.alpha"][i], cmap="gray")
                        bare(axis)
                    else:
                        picture(axis, _row(kept, "inversion", column)[i])
            for axis, column in zip(axes[0], columns, strict=True):
                axis.set_title(_label(column).replace(", ", ",\n"))
        caption = (
            f"Feature inversion: pictures that give {kept.model} on {kept.dataset} the activations "
            f"of an image at the layer {layer}, at every place, by each method. The "
            "network sees the whole picture in each step, with the noise of MACO, because places "
            "correspond only without crops; the picture starts from noise, and the activations "
            "are the only information about the image. α: gradients accumulated over the ascent, "
            "clipped at their 80th percentile (white: used most). The paper shows inversions of "
            "ImageNet models."
        )
        return Drawing(figure, caption)

    @staticmethod
    def _different(kept: FigureData) -> list[str]:
        """Return the methods without those whose pictures equal another's."""
        found: list[str] = []
        for name in kept.metadata["methods"]:
            own = kept.arrays[f"inversion.{name}"]
            if not any(np.array_equal(own, kept.arrays[f"inversion.{other}"]) for other in found):
                found.append(name)
        return found


def _row(kept: FigureData, kind: str, row: str) -> NDArray[Any]:
    """Return pictures of one method, on white where transparent if it is called "… + α"."""
    name = row.removesuffix(" + α")
    shown = kept.arrays[f"{kind}.{name}"]
    if name == row:
        return shown
    alpha = kept.arrays[f"{kind}.{name}.alpha"][:, None]
    on_white: NDArray[Any] = shown * alpha + (1 - alpha)
    return on_white


def _first(pictures: Sequence[FigureData], item: str) -> FigureData:
    if not pictures:
        raise SparksError(f"{item} needs the study maco: no model was drawn")
    return pictures[0]


def _of(scores: pd.DataFrame, kept: FigureData) -> pd.DataFrame:
    return scores[(scores["dataset"] == kept.dataset) & (scores["model"] == kept.model)]


def _colour(name: str) -> str:
    return _COLOURS.get(name, _OTHER)


def _label(name: str) -> str:
    return name if name == "α" else name[0].upper() + name[1:]


def _beside(axis: Axes, label: str) -> None:
    axis.set_ylabel(label, rotation=0, ha="right", va="center")
