"""Controls of the claims on alignment, on numbers whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks.stats import Bootstrap
from sparks_thesis.harmonization.controls import OTHER, OwnMarks, OwnMarksOfKinds, Revealed

B = Bootstrap(resamples=100)


def rows(metric, values, unit="image", **columns):
    known = {"metric": metric, unit: range(len(values)), "value": values}
    return as_results(pd.DataFrame(known), dataset="d", seed=0, **columns)


def around(mean, seed=0, n=60):
    return mean + 0.05 * np.random.default_rng(seed).normal(size=n)


def network(model, gain):
    known = {"model": model, "reduction": "max-abs", "method": "Saliency"}
    return [rows("Spearman", around(0.3 + gain), **known), rows(OTHER, around(0.3, 1), **known)]


@pytest.mark.parametrize(
    ("gains", "passed"),
    [
        ((0.2, 0.0), True),  # one network does, which is enough
        ((0.0, 0.0), False),  # both prefer the middle of images
        ((0.2, -0.2), False),  # one is more like the marks of others
    ],
)
def test_maps_are_more_like_the_marks_on_the_same_image(gains, passed):
    table = pd.concat([part for n, gain in enumerate(gains) for part in network(f"m{n}", gain)])
    found, text = OwnMarks(bootstrap=B)(table)
    assert found is passed, text
    assert not OwnMarks(bootstrap=B)(table[table["metric"] == "Spearman"])[0]


@pytest.mark.parametrize(("gain", "passed"), [(0.2, True), (0.0, False)])
def test_the_same_of_a_population(gain, passed):
    kinds = [f"kind {k}" for k in range(12)]
    table = pd.concat(
        rows(metric, around(mean, seed, 12), "repeat").assign(architecture=kinds)
        for seed, (metric, mean) in enumerate(
            (("Alignment", 0.3 + gain), ("AlignmentOtherMarks", 0.3))
        )
    )
    assert OwnMarksOfKinds(B)(table)[0] is passed


@pytest.mark.parametrize(("whole", "passed"), [(0.8, True), (0.1, False)])
def test_the_whole_image_must_help(whole, passed):
    table = pd.concat(
        rows("RevealedAccuracy", (np.arange(60) < 60 * p).astype(float), model="m", revealed=share)
        for share, p in ((0.0, 0.1), (1.0, whole))
    )
    assert Revealed(B)(table)[0] is passed
    assert not Revealed(B)(table[table["revealed"] == 1])[0]
