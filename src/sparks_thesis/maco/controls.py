"""Controls of the claims on MACO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from sparks.results import ITSELF
from sparks.stats import Bootstrap
from sparks_thesis.common.controls import AtBottom
from sparks_thesis.common.runs import runs
from sparks_thesis.maco import SEEN
from sparks_thesis.maco.claims import NATURAL


@dataclass(frozen=True)
class PicturesAtBottom:
    """Pictures that know nothing of the network score lowest, metric by metric.

    Attributes:
        metrics: metric → 1 where higher is better, -1 where lower is.
        methods: labels of the methods that a claim compares.
        control: label of the pictures that know nothing.
        bootstrap: of the paired differences, over pictures.
    """

    metrics: Mapping[str, float]
    methods: Sequence[str]
    control: str
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the control is at the bottom, on pictures as the claims judge them."""
        rows = table[(table["objective"] == "logit") & (table["view"] == SEEN)]
        assay = AtBottom(
            self.metrics, self.methods, self.control, unit="picture", bootstrap=self.bootstrap
        )
        return assay(rows[rows["evaluator"] != ITSELF])


@dataclass(frozen=True)
class DistanceEnds:
    """The Fréchet distance to test images is least for training images, and largest for noise.

    Attributes:
        methods: labels of the methods that a claim compares.
        noise: label of pictures that show nothing.
    """

    methods: Sequence[str]
    noise: str = "uniform noise"

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether no method is nearer than real images, or further than noise."""
        rows = table[(table["metric"] == "FID") & (table["objective"] == "logit")]
        rows = rows[(rows["view"] == SEEN) | (rows["method"] == NATURAL)]
        passed, details = True, []
        for where, group in runs(rows):
            of = group.groupby("method")["value"].mean()
            if not {NATURAL, self.noise} <= set(of.index):
                return False, f"real images and noise had no FID for {where}"
            known = of[[name for name in self.methods if name in of]]
            passed &= bool((known > of[NATURAL]).all() and (known < of[self.noise]).all())
            details.append(
                f"FID for {where}: training images {of[NATURAL]:.3g}, methods {known.min():.3g} to "
                f"{known.max():.3g}, noise {of[self.noise]:.3g}"
            )
        return passed and bool(details), "; ".join(details) or "no FID was measured"
