"""fig-stability-densities: how the distances of S₌ and of S≠ are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap
from sparks_thesis.common.style import PAGE, Drawing, style
from sparks_thesis.stability.scored import Scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sparks.stability.scores import Pairs

COLOURS = {"S₌": "#0072B2", "S≠": "#D55E00"}
BINS = 20


@dataclass(frozen=True)
class Densities:
    """Histograms of both sets, a column a method and a row a data set and model.

    Attributes:
        methods: labels of the methods, in their order; those that were run are shown.
        models: names of the models that belong here; the caption names those that were not run.
        condition: of the networks; "" for those that are not degraded.
    """

    methods: Sequence[str]
    models: Sequence[str]
    condition: str = ""

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        scored = Scored(scores, Bootstrap(resamples=1))
        rows = [key for key in scored.images if key[1] in self.models]
        methods = [m for m in self.methods if m in set(scored.rows["method"])]
        if not rows or not methods:
            raise SparksError("fig-stability-densities has nothing to show: run its models")
        with style():
            from matplotlib.figure import Figure

            size = (PAGE, 0.5 + 1.15 * len(rows))
            figure = Figure(figsize=size, layout="constrained")
            axes = figure.subplots(len(rows), len(methods), squeeze=False, sharex=True)
            for key, line in zip(rows, axes, strict=True):
                for method, axis in zip(methods, line, strict=True):
                    pairs = scored.pairs.get((*key, self.condition, method))
                    if pairs is not None:
                        _draw(axis, pairs)
                    axis.set_yticks([])
                line[0].set_ylabel(f"{key[0]}\n{key[1]}")
            for method, axis in zip(methods, axes[0], strict=True):
                axis.set_title(method, fontsize=6.5)
            handles, labels = axes[0, 0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False)
            figure.supxlabel("distance 1 − |Spearman|", fontsize=8)
        return Drawing(figure, self._caption(scored, rows))

    def _caption(self, scored: Scored, rows: Sequence[tuple[str, str]]) -> str:
        sizes = []
        for key in rows:
            some = next(p for k, p in scored.pairs.items() if k[:3] == (*key, self.condition))
            equal, unequal, _ = some.sizes()
            sizes.append(f"{equal} and {unequal} of {key[1]} on {key[0]}")
        missing = [name for name in self.models if name not in {model for _, model in rows}]
        details = f" Not run: {', '.join(missing)}." if missing else ""
        return (
            "Distances between the maps of a network that did not see an image and of one that "
            "did: S₌ where both are right, S≠ where exactly one is "
            f"({'; '.join(sizes)}); each histogram has area 1. ReCo is the best threshold between "
            "the two. The paper (its figures 5 and 10) finds them apart for a 1-Lipschitz network "
            f"and overlapping for ResNet18.{details}"
        )


def _draw(axis: Axes, pairs: Pairs) -> None:
    """Draw both histograms; a set without distances has none."""
    edges = np.linspace(0, 1, BINS + 1)
    for name, members in (("S₌", pairs.equal), ("S≠", ~pairs.equal)):
        values = pairs.distance[members]
        values = values[~np.isnan(values)]
        if len(values) == 0:
            axis.text(0.5, 0.5, f"no {name}", transform=axis.transAxes, ha="center", fontsize=6)
            continue
        bars: dict[str, Any] = {"color": COLOURS[name], "label": name, "alpha": 0.45}
        axis.hist(values, edges.tolist(), density=True, histtype="stepfilled", **bars)
        axis.axvline(float(values.mean()), color=COLOURS[name], lw=0.8, ls="--")
