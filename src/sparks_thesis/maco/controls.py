"""Controls of the claims on MACO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from sparks.stats import Bootstrap
from sparks_thesis.common.controls import AtBottom
from sparks_thesis.maco import SEEN
from sparks_thesis.maco.claims import ITSELF


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
