"""tab-craft-coherence: published answers of people, and a machine's, on concepts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, proportion, shown
from sparks_thesis.common.table import Table

TESTS = {
    ("IntruderAccuracy", "concept"): "intruder found, concepts %",
    ("IntruderAccuracy", "sub-concept"): "intruder found, sub-concepts %",
    ("BinaryChoiceRate", "sub-concept"): "sub-concept chosen %",
}


@dataclass(frozen=True)
class CraftCoherence:
    """A row for each group of people, and one for each model judged by the machine.

    Attributes:
        bootstrap: its level is that of Wilson's intervals.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame) -> Table:
        """Make the table from an experiment's tidy scores and the draft's table 1."""
        rows = scores[scores["metric"].isin([metric for metric, _ in TESTS])]
        if rows.empty:
            raise SparksError("tab-craft-coherence needs machine tests: no class had enough images")
        numbers = [
            {"who": "machine", "dataset": d, "model": m, "metric": metric, "of": of}
            | asdict(proportion(group["value"], self.bootstrap.level))
            for (d, m, metric, of), group in rows.groupby(
                ["dataset", "model", "metric", "granularity"]
            )
        ]
        texts = [*self._people(published), *self._machine(pd.DataFrame(numbers))]
        trials = ", ".join(f"{n['n']:,} {n['metric']} ({n['of']}, {n['dataset']})" for n in numbers)
        caption = (
            "Coherence of concepts. Intruder: accuracy in finding the one of five crops that "
            "belongs to another concept (chance: 20 %). Choice: rate at which a crop of a "
            "sub-concept is assigned to the sub-concept instead of the whole concept (chance: 50 "
            "%). People: published in the draft of the paper (ImageNette, ResNet50V2; the groups "
            "are inferred from its text), not measured here. Machine: a simulated observer that "
            "compares histograms of colours and edge directions, independent of the model. Its "
            "accuracy is not comparable with people's; only the difference between concepts and "
            f"sub-concepts is. Trials: {trials}; Wilson intervals."
        )
        return Table(pd.DataFrame(numbers), pd.DataFrame(texts), caption)

    @staticmethod
    def _people(published: pd.DataFrame) -> list[dict[str, str]]:
        texts = []
        for group in ("experts", "laymen"):
            row = {"who": f"{group} (published)", "data": "ImageNette", "model": "ResNet50V2"}
            for (metric, of), heading in TESTS.items():
                wanted = f"{group}, {of}" + (" chosen" if metric == "BinaryChoiceRate" else "")
                found = published[
                    (published["metric"] == metric) & (published["condition"] == wanted)
                ]
                row[heading] = f"{float(found['value'].iloc[0]):.1f}" if len(found) else "–"
            texts.append(row)
        return texts

    @staticmethod
    def _machine(numbers: pd.DataFrame) -> list[dict[str, str]]:
        texts = []
        for (dataset, model), group in numbers.groupby(["dataset", "model"]):
            row = {"who": "machine", "data": str(dataset), "model": str(model)}
            for (metric, of), heading in TESTS.items():
                found = group[(group["metric"] == metric) & (group["of"] == of)].to_dict("records")
                row[heading] = (
                    shown(Interval(*(found[0][k] for k in ("mean", "low", "high", "n"))), 1, 100)
                    if found
                    else "–"
                )
            texts.append(row)
        return texts
