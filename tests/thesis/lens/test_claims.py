"""Claims of Lens on tables whose verdict is known, and the figure of its statistics."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks.stats import Bootstrap
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.lens.claims import (
    FewConcepts,
    OwnClassAligned,
    PrevalenceAgrees,
    StrategiesPerClass,
)
from sparks_thesis.lens.figures import LensStatistics

PUBLISHED = Path(__file__).resolve().parents[3] / "config" / "published"
FAST = Bootstrap(resamples=200)
STEEP = [0.5, 0.2, 0.12, 0.07, 0.04, 0.03, 0.02, 0.01, 0.01, 0.0]


def table(importance, dominated, classes=30, prevalent=0, aligned=1):
    """The same concepts in every class; `prevalent` is the concept that dominates most."""
    k = len(importance)
    prevalence = np.array(dominated, float) / max(1, sum(dominated))
    prevalence = np.roll(prevalence, prevalent)
    rows = []
    for c in range(classes):
        values = {
            "ConceptImportance": [x * (1 + 0.01 * (-1) ** c) for x in importance],
            "Prevalence": prevalence,
            "Dominated": dominated,
            "OwnAligned": [1.0] * aligned + [0.0] * (k - aligned),
        }
        for metric, column in values.items():
            rows += [
                {"class_name": f"c{c}", "metric": metric, "rank": i + 1,
                 "value": float(value)}
                for i, value in enumerate(column)
            ]  # fmt: skip
        rows += [
            {"class_name": f"c{c}", "metric": m, "target": c, "value": v}
            for m, v in (("Strategies", sum(d >= 10 for d in dominated)), ("Images", 100))
        ]
    known = {"dataset": "chimera", "model": "convnet", "seed": 0, "method": "CRAFT"}
    return as_results(pd.DataFrame(rows), experiment="lens", **known)


TWO = [60, 30, 9, 1, 0, 0, 0, 0, 0, 0]


def test_few_concepts_carry_a_class_or_not():
    assert FewConcepts(bootstrap=FAST)(table(STEEP, TWO)).outcome is Outcome.HOLDS
    verdict = FewConcepts(bootstrap=FAST)(table([0.1] * 10, TWO))
    assert verdict.outcome is Outcome.FAILS
    assert verdict.effect == pytest.approx(0.3)


def test_strategies_count_concepts_that_dominate_ten_images():
    check = StrategiesPerClass(bootstrap=FAST)
    assert check(table(STEEP, TWO)).outcome is Outcome.HOLDS
    three = check(table(STEEP, [60, 30, 10, 0, 0, 0, 0, 0, 0, 0]))
    assert (three.outcome, three.effect) == (Outcome.FAILS, 3)
    assert check(table(STEEP, [10] * 10)).outcome is Outcome.FAILS
    others = table(STEEP, [90] + [0] * 9, 6)
    others["class_name"] = "other " + others["class_name"]
    mixed = pd.concat([table(STEEP, TWO, 5), others])
    assert check(mixed).outcome is Outcome.INCONCLUSIVE


def test_prevalence_agrees_or_not():
    assert PrevalenceAgrees()(table(STEEP, TWO, 60)).outcome is Outcome.HOLDS
    other = PrevalenceAgrees()(table(STEEP, TWO, prevalent=1))
    assert (other.outcome, other.effect) == (Outcome.FAILS, 0)


def test_first_concepts_point_to_their_class_and_others_do_not():
    assert OwnClassAligned()(table(STEEP, TWO)).outcome is Outcome.HOLDS
    assert OwnClassAligned()(table(STEEP, TWO, aligned=9)).outcome is Outcome.FAILS
    assert OwnClassAligned()(table(STEEP, TWO, aligned=0)).outcome is Outcome.FAILS


@pytest.mark.parametrize(
    "check", [FewConcepts(), StrategiesPerClass(), PrevalenceAgrees(), OwnClassAligned()]
)
def test_other_numbers_of_concepts_are_not_judged(check):
    assert check(table([0.5, 0.3, 0.2], [60, 30, 10])).outcome is Outcome.NOT_RUN


def test_the_figure_shows_means_by_rank_beside_the_published():
    names = ("rank_importance", "important_concepts", "aggregates")
    published = pd.concat(
        [pd.read_csv(PUBLISHED / f"fel2024lens_{name}.csv") for name in names], ignore_index=True
    )
    drawing = LensStatistics()(table(STEEP, TWO), published)
    ranks, strategies, _ = drawing.figure.axes
    ours, theirs = (line.get_ydata() for line in ranks.lines)
    assert ours == pytest.approx(np.array(STEEP) * 100)
    assert theirs[0] == pytest.approx(48.47)
    heights = [bar.get_height() for bar in strategies.patches]
    assert heights[0] == 100
    assert sum(heights[1:]) == pytest.approx(100)
    assert "82%, 100%" in drawing.caption
    with pytest.raises(SparksError, match="needs the study lens"):
        LensStatistics()(table(STEEP, TWO).query("metric == 'Dominated'"), published)
