"""Claims of fel2021sobol on how its indices are estimated: sequences and estimators."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sparks.stats import Bootstrap, shown
from sparks_thesis.common.verdict import Verdict, above, judged, not_run

DEFAULT = ("sobol, scrambled", "jansen")
# A control: the default's scores, given to other points than their own.
SHUFFLED = f"{DEFAULT[0]}, shuffled scores"


@dataclass(frozen=True)
class EstimatorInsensitive:
    """sobol-estimator-insensitive: the choice of estimator and sampler changes maps little.

    Attributes:
        threshold: median rank correlation with the default's indices above which maps count as
            little changed.
        points: N of the designs compared.
        bootstrap: of the medians, over images.
    """

    threshold: float = 0.9
    points: int = 32
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows with metric "DefaultSpearman".

        `method` is the sequence.
        """
        rows = table[table["metric"] == "DefaultSpearman"]
        rows = rows[rows["points"] == self.points]
        if rows.empty:
            return not_run(f"no maps of several estimators at N = {self.points} were compared")
        medians = {
            (str(method), str(estimator)): self.bootstrap.median(group["value"])
            for (method, estimator), group in rows.groupby(["method", "estimator"])
        }
        sampler, estimator = DEFAULT
        again = medians.get((f"{sampler}, another seed", estimator))
        estimators = {v: i for (m, v), i in medians.items() if m == sampler and v != estimator}
        samplers = {
            m: i for (m, v), i in medians.items() if v == estimator and not m.startswith(sampler)
        }
        compared = estimators | samplers
        lowest = min(compared.values(), key=lambda interval: interval.mean)
        details = "; ".join(f"{name} {shown(interval, 2)}" for name, interval in compared.items())
        ceiling = f"; the default with another seed {shown(again, 2)}" if again else ""
        return judged(
            [above(interval, self.threshold) for interval in compared.values()],
            lowest,
            f"median rank correlation with {estimator} on {sampler} points at N = {self.points} "
            f"({lowest.n} images): {details}{ceiling}",
            compared.values(),
        )


@dataclass(frozen=True)
class QuasiMonteCarloConverges:
    """sobol-qmc-converges-faster: quasi-Monte Carlo needs fewer evaluations for the indices.

    Attributes:
        sampler: the sequence judged.
        published: the sequence as released, reported besides.
        bootstrap: of the mean logarithm of the ratio of errors, over images or repeats.
    """

    sampler: str = "sobol, scrambled"
    published: str = "sobol, unscrambled"
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows with metric "RelativeError" of estimator Jansen.

        `method` is the sequence; `dataset` the images, or the function.
        """
        rows = table[(table["metric"] == "RelativeError") & (table["estimator"] == "jansen")]
        if not {self.sampler, "monte-carlo"} <= set(rows["method"]):
            return not_run("errors of quasi-Monte Carlo and Monte Carlo designs were not measured")
        gains, released, on_images = {}, {}, []
        for (dataset, model), group in rows.groupby(["dataset", "model"]):
            where = f"{model} on {dataset}" if model else str(dataset)
            gains[where] = self.bootstrap.mean(self._gain(group, self.sampler))
            if model:
                on_images.append(gains[where])
            released[where] = float(np.nanmean(self._gain(group, self.published)))
        smallest = min(gains.values(), key=lambda interval: interval.mean)
        details = "; ".join(
            f"{where} {shown(gain, 2)} (as released {released[where]:.2f})"
            for where, gain in gains.items()
        )
        return judged(
            [above(gain, 0.0) for gain in gains.values()],
            smallest,
            f"log2 of the error of Monte Carlo over that of {self.sampler} points, mean over N: "
            f"{details}",
            on_images,
        )

    def _gain(self, group: pd.DataFrame, sampler: str) -> pd.Series:
        """log2(error of Monte Carlo / error of the sampler), averaged over N, by repeat.

        A design that no seed changes has one repeat: its error is set against each of theirs.
        """
        ours, theirs = (
            rows.assign(value=np.log2(rows["value"]), unit=_units(rows)).pivot_table(
                index=["seed", "unit"], columns="points", values="value"
            )
            for rows in (group[group["method"] == name] for name in (sampler, "monte-carlo"))
        )
        gaps = theirs - (ours.iloc[0] if len(ours) == 1 else ours)
        return gaps.mean(axis=1)


def _units(rows: pd.DataFrame) -> pd.Series:
    """Return the image of each row, or the repeat where functions are estimated."""
    return rows["image"].fillna(rows["repeat"])
