"""tab-claims: every claim that code can judge, with its verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import compress
from typing import Any

import pandas as pd

from sparks.results import UNITS
from sparks_thesis.common.table import Table
from sparks_thesis.common.verdict import Outcome, Verdict, not_run

COLUMNS = {
    "number": "#",
    "name": "claim",
    "statement": "says",
    "criterion": "criterion",
    "published": "published",
    "measured": "measured",
    "interval": "effect [interval]",
    "outcome": "verdict",
}


@dataclass(frozen=True)
class Claims:
    """Judge each claim on the scores of the experiments it names.

    Attributes:
        claims: for each claim its number, name, paper, statement, criterion, published value,
            experiments, and `check`: tidy table → `Verdict`. A claim of no experiment is arithmetic
            on the papers' own numbers, and its `check` gets these.
        images: with fewer images under a judged number, no claim counts as run.
    """

    claims: Sequence[Mapping[str, Any]]
    images: int = 50

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame | None = None) -> Table:
        """Make the table from the tidy scores of all experiments that were run.

        Args:
            scores: of these experiments.
            published: rows of the papers' tables.
        """
        rows = []
        for claim in sorted(self.claims, key=lambda claim: int(claim["number"])):
            row = {key: claim[key] for key in ("number", "name", "paper", "statement")}
            row |= {key: claim[key] for key in ("criterion", "published")}
            verdict = asdict(self._judge(claim, scores, published))
            rows.append(row | {key: verdict[key] for key in verdict if key != "images"})
        numbers = pd.DataFrame(rows)
        text = numbers.assign(interval=[_interval(row) for row in rows])
        counts = numbers["outcome"].value_counts()
        verdicts = ", ".join(f"{counts.get(o, 0)} {o}" for o in Outcome)
        caption = (
            "Claims of the papers, judged by code on the scores of this run and, for chapters "
            f"left out of it, on those of their last run: {verdicts}. A claim is replicated when "
            "the whole bootstrap interval of its effect meets the criterion, contradicted when "
            "the whole interval fails it, inconclusive otherwise. Criteria marked arithmetic are "
            "computed from the papers' own numbers."
        )
        shown = text[list(COLUMNS)].rename(columns=COLUMNS).astype(str)
        return Table(numbers, shown, caption)

    def _judge(
        self, claim: Mapping[str, Any], scores: pd.DataFrame, published: pd.DataFrame | None
    ) -> Verdict:
        if not claim["experiments"] and published is not None:
            arithmetic: Verdict = claim["check"](published)
            return arithmetic
        relevant = scores[scores["experiment"].isin(list(claim["experiments"]))]
        if relevant.empty:
            return not_run(f"the experiment {', '.join(claim['experiments'])} was not run")
        verdict: Verdict = claim["check"](relevant)
        explained = relevant[(relevant["method"] != "") & (relevant["model"] != "")]
        # Where a claim says what it was judged on, that counts, not all that its experiments hold.
        images = verdict.images if verdict.images is not None else _units(explained)
        if images < self.images:
            few = f"only {images} images, of {self.images} needed; {verdict.measured}"
            return replace(verdict, outcome=Outcome.NOT_RUN, measured=few)
        return verdict


def _units(rows: pd.DataFrame) -> int:
    """Return the number of images, or of other units that rows count."""
    units = rows[list(UNITS)].drop_duplicates().astype(object)
    given = zip(units.to_numpy().tolist(), units.notna().to_numpy().tolist(), strict=True)
    return len({tuple(compress(*unit)) for unit in given} - {()})


def _interval(row: Mapping[str, Any]) -> str:
    if math.isnan(row["effect"]):
        return "–"
    if math.isnan(row["low"]):
        return f"{row['effect']:+.3f}"
    return f"{row['effect']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
