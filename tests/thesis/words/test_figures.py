"""fig-rationales on made-up scores."""

import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks_thesis.words.figures import Rationales

from .test_tables import rows

SCORES = pd.concat(
    [
        rows(method, metric, [value - 0.1, value, value + 0.1])
        for method, plausible, deletion in (("A", 0.8, 0.2), ("B", 0.6, 0.4), ("C", 0.3, 0.8))
        for metric, value in (
            ("AUPRC", plausible),
            ("TokenF1", plausible / 2),
            ("TokenF1Best", 0.7),
            ("Deletion", deletion),
            ("PointingChance", 0.12),
        )
    ],
    ignore_index=True,
)


def test_methods_are_marked_at_their_means_between_chance_and_the_best():
    drawn = Rationales()(SCORES)
    auprc, f1, against = drawn.figure.axes
    means = {line.get_ydata()[0]: line.get_xdata()[0] for line in marks(auprc)}
    assert means == pytest.approx({0: 0.8, 1: 0.6, 2: 0.3})
    assert [label.get_text() for label in auprc.get_yticklabels()] == ["A", "B", "C"]
    ends = [line.get_xdata()[0] for line in f1.lines if line.get_linestyle() == ":"]
    assert ends == pytest.approx([0.7])
    points = {
        (round(x, 2), round(y, 2)) for x, y in (line.get_xydata()[0] for line in marks(against))
    }
    assert points == {(0.2, 0.8), (0.4, 0.6), (0.8, 0.3)}
    assert "Spearman 1.00)" in drawn.caption
    assert "Best agreement: A, 0.80" in drawn.caption


def marks(axis):
    return [line for line in axis.lines if line.get_linestyle() == "None"]


def test_texts_without_known_words_are_refused():
    with pytest.raises(SparksError, match="deciding words are known"):
        Rationales()(SCORES[SCORES["metric"] == "Deletion"])
