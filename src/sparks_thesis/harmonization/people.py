"""tab-people and fig-people: do maps lie where real people look, beside what knows no network?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sparks.checks import between, whole
from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.methods import in_order
from sparks_thesis.common.style import PAGE, Drawing, style
from sparks_thesis.common.table import Table
from sparks_thesis.harmonization.study_people import CENTRE, OTHERS

# How well people agree, by the metric of its rows.
CEILINGS = {"HumanCeiling": "Half of the people", "OnePersonCeiling": "One person"}


@dataclass(frozen=True)
class PeopleTable:
    """Agreement of maps with people, best first, and by how much it exceeds the centre's.

    Attributes:
        bootstrap: over images; paired where a method is compared with the centre.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from the experiment's tidy scores."""
        rows = scores[scores["metric"].isin(["Spearman", "IoU", *CEILINGS])]
        if not (rows["metric"] == "HumanCeiling").any():
            raise SparksError("no map was compared with people: run the experiment people")
        parts = [
            self._network(str(dataset), str(model), group)
            for (dataset, model), group in rows.groupby(["dataset", "model"])
        ]
        numbers = pd.concat([part[0] for part in parts], ignore_index=True)
        texts = pd.concat([part[1] for part in parts], ignore_index=True)
        return Table(numbers, texts, self._caption(rows))

    def _network(
        self, dataset: str, model: str, rows: pd.DataFrame
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return numbers and texts of one network, the rows in the order of their agreement."""
        of = {
            (str(method), str(metric), str(change)): group.set_index("image")["value"]
            for (method, metric, change), group in rows.groupby(["method", "metric", "change"])
        }
        centre = of[CENTRE, "Spearman", ""]
        ceiling = float(of["", "HumanCeiling", ""].mean())
        found: list[tuple[float, list[dict[str, Any]], dict[str, str]]] = []
        for method in sorted({key[0] for key in of} - {""}):
            plain = of[method, "Spearman", ""]
            smooth = of.get((method, "Spearman", "blur"), plain)
            agreement = self.bootstrap.mean(smooth)
            quantities = {
                "Spearman": self.bootstrap.mean(plain),
                "Spearman, smoothed": agreement,
                "Spearman, |map| smoothed": self.bootstrap.mean(
                    of.get((method, "Spearman", "blur of magnitude"), plain)
                ),
                "smoothed − centre": self._above(smooth, centre, method),
                "IoU, smoothed": self.bootstrap.mean(
                    of.get((method, "IoU", "blur"), of[method, "IoU", ""])
                ),
            }
            known = {"dataset": dataset, "model": model, "what": method}
            text = known | {name: _text(made) for name, made in quantities.items()}
            text["of the ceiling %"] = f"{100 * agreement.mean / ceiling:.0f}"
            made = [
                known | {"quantity": name} | vars(interval)
                for name, interval in quantities.items()
                if interval is not None
            ]
            found.append((agreement.mean, made, text))
        for metric, name in CEILINGS.items():
            interval = self.bootstrap.mean(of["", metric, ""])
            known = {"dataset": dataset, "model": model, "what": name}
            made = [known | {"quantity": "Spearman"} | vars(interval)]
            found.append((math.inf, made, known | {"Spearman": _text(interval)}))
        found.sort(key=lambda row: -row[0])
        texts = pd.DataFrame([text for _, _, text in found]).fillna("–")
        return pd.DataFrame([row for _, made, _ in found for row in made]), texts

    def _above(
        self, values: pd.Series[Any], centre: pd.Series[Any], method: str
    ) -> Interval | None:
        """Return by how much agreement exceeds the centre's, paired image by image."""
        if method == CENTRE:
            return None
        both = pd.concat([values, centre], axis=1).dropna()
        return self.bootstrap.difference(both.iloc[:, 0], both.iloc[:, 1])

    def _caption(self, rows: pd.DataFrame) -> str:
        blur = rows["amount"].dropna()
        return (
            f"Spearman's correlation over pixels of maps with people's, mean over "
            f"{rows['image'].nunique()} images with its {self.bootstrap.level:.0%} bootstrap "
            "interval. People's map: the mean over people of their marks, each mark a Gaussian"
            + (f" of {blur.iloc[0]:.1f} pixels" if len(blur) else "")
            + ". Smoothed: the method's map by the same Gaussian, since the raw gradient of a "
            "network is noise at the scale of pixels; |map|: of its magnitude, which counts what "
            "lowers the score as well. Explained is the class that the network "
            f"predicts. Controls that know no network: {CENTRE}, a Gaussian at the centre of every "
            f"image, and {OTHERS}, the mean of people's maps of all the other images. What does "
            "not exceed them shows nothing about the image (smoothed − centre: paired, image by "
            "image). Ceilings: half of the people against the other half (mean over random "
            "halves), and one person against the mean of the others (mean over persons). "
            "fel2022harmonization divides by such a ceiling (0.658 on ClickMe) and has no control "
            "at the centre."
        )


def _text(interval: Interval | None) -> str:
    return "–" if interval is None else shown(interval, 2)


@dataclass(frozen=True)
class PeopleGallery:
    """Images, people's maps, the control at the centre, and the maps of methods.

    Attributes:
        rows: images.
        blur: standard deviation of the smoothing of methods' maps for display, in pixels.
    """

    rows: int = 4
    blur: float = 2.0

    def __post_init__(self) -> None:
        whole(self, 1, "rows")
        between(self, 0, math.inf, "blur", ends=True)

    def __call__(self, people_maps: Sequence[FigureData]) -> Drawing:
        """Draw the figure, of the first network."""
        from matplotlib.figure import Figure
        from scipy.ndimage import gaussian_filter

        if not people_maps:
            raise SparksError("fig-people needs the maps of the study people")
        first = people_maps[0]
        maps = first.part("map")
        methods = [CENTRE, *in_order(set(maps) - {CENTRE, OTHERS})]
        count = min(self.rows, len(first.arrays["images"]))
        columns = 2 + len(methods)
        with style():
            figure = Figure(figsize=(PAGE, PAGE / columns * count + 0.5), layout="constrained")
            axes = figure.subplots(count, columns, squeeze=False)
            for row in range(count):
                picture = first.arrays["images"][row].transpose(1, 2, 0).squeeze()
                axes[row, 0].imshow(picture, cmap="gray", vmin=0, vmax=1)
                name = first.metadata["classes"][int(first.arrays["labels"][row])]
                axes[row, 0].set_ylabel(str(name), fontsize=6)
                axes[row, 1].imshow(first.arrays["human"][row], cmap="magma", vmin=0)
                for axis, method in zip(axes[row, 2:], methods, strict=True):
                    blur = 0.0 if method == CENTRE else self.blur
                    smooth = gaussian_filter(maps[method][row], blur)
                    axis.imshow(smooth, cmap="magma", vmax=np.quantile(smooth, 0.995))
            for axis in axes.flat:
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            for axis, title in zip(axes[0], ["image", "people", *methods], strict=True):
                axis.set_title(title, fontsize=6, rotation=30, ha="left", va="bottom", x=0.2)
        credits = list(first.metadata.get("credits", []))[:count]
        caption = (
            "Photographs, where people's marks lie (smoothed as in tab-people), a Gaussian at the "
            f"centre, which knows nothing, and the maps of {first.model} for the class that it "
            f"predicts (beside the image), smoothed by {self.blur:g} pixels for display, each on "
            "its own scale." + (f" Photographs: {'; '.join(credits)}." if credits else "")
        )
        return Drawing(figure, caption)
