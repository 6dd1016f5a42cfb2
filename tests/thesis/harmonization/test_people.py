"""tab-people and fig-people: order, ceilings, and what exceeds the blob at the centre."""

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.harmonization.people import CENTRE, OTHERS, PeopleGallery, PeopleTable

RNG = np.random.default_rng(0)
IMAGES = 30


def rows(levels):
    """Scores whose mean over images is the level, in ways in which images differ alike."""
    noise = RNG.normal(0, 0.02, IMAGES)
    noise -= noise.mean()
    found = [
        {
            "method": method,
            "metric": metric,
            "change": change,
            "value": level + noise[i] * (1.1 if method == CENTRE else 1),
        }
        | {"image": i, "amount": 5.0 if change else None}
        for (method, metric, change), level in levels.items()
        for i in range(IMAGES)
    ]
    return as_results(pd.DataFrame(found), dataset="osie", model="net", seed=0)


@pytest.fixture
def scores():
    levels = {("", "HumanCeiling", ""): 0.8, ("", "OnePersonCeiling", ""): 0.6}
    for method, plain, smooth in (("CAM", 0.5, 0.6), ("Noise", 0.0, 0.1)):
        levels |= {(method, "Spearman", ""): plain, (method, "Spearman", "blur"): smooth}
        levels |= {(method, "Spearman", "blur of magnitude"): smooth + 0.1}
        levels |= {(method, "IoU", ""): 0.2, (method, "IoU", "blur"): 0.3}
    for control in (CENTRE, OTHERS):
        levels |= {(control, "Spearman", ""): 0.4, (control, "IoU", ""): 0.1}
    return rows(levels)


def test_methods_stand_by_agreement_beside_the_centre_and_the_ceilings(scores):
    table = PeopleTable()(scores)
    assert table.shown["what"].tolist() == [
        "Half of the people", "One person", "CAM", CENTRE, OTHERS, "Noise",
    ]  # fmt: skip
    shown = table.shown.set_index("what")
    assert shown.loc["CAM", "of the ceiling %"] == "75"  # 0.6 of 0.8
    assert shown.loc["CAM", "Spearman, |map| smoothed"].startswith("0.70 [")
    assert shown.loc[CENTRE, "smoothed − centre"] == "–"
    gains = table.numbers[table.numbers["quantity"] == "smoothed − centre"].set_index("what")
    assert gains["mean"].round(6).to_dict() == {"CAM": 0.2, OTHERS: 0.0, "Noise": -0.3}
    # Images differ nearly alike, so that the paired difference varies less than the means do.
    means = table.numbers[table.numbers["quantity"] == "Spearman, smoothed"].set_index("what")
    widths = [made.loc["CAM", "high"] - made.loc["CAM", "low"] for made in (gains, means)]
    assert 0 < widths[0] < widths[1] / 5
    assert f"over {IMAGES} images" in table.caption
    assert "simulated" not in table.caption


def test_without_ceilings_nothing_was_measured(scores):
    with pytest.raises(SparksError, match="run the experiment people"):
        PeopleTable()(scores[scores["metric"] != "HumanCeiling"])


def test_the_gallery_shows_people_the_centre_and_every_method():
    def some():
        return RNG.random((3, 8, 8))

    arrays = {"images": RNG.random((3, 3, 8, 8)), "human": some(), "labels": np.array([0, 1, 0])}
    arrays |= {f"map.{name}": some() for name in ("CAM", "Noise", CENTRE, OTHERS)}
    made = {"classes": ["a", "b"], "credits": ["Ada, CC0", "Bo, CC0", "Cy, CC0"]}
    drawing = PeopleGallery(rows=2)([FigureData("osie", "net", arrays, made)])
    titles = [axis.get_title() for axis in drawing.figure.axes[:5]]
    assert titles == ["image", "people", CENTRE, "CAM", "Noise"]
    assert len(drawing.figure.axes) == 2 * 5
    assert "Ada, CC0; Bo, CC0." in drawing.caption
    with pytest.raises(SparksError):
        PeopleGallery()([])
