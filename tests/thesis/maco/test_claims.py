"""The claims on MACO, on made-up scores whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.maco import claims as maco
from sparks_thesis.maco.controls import DistanceEnds, PicturesAtBottom

YES, NO, OPEN = Outcome.HOLDS, Outcome.FAILS, Outcome.INCONCLUSIVE
GENERATOR = np.random.default_rng(0)


def rows(metric, method, centre, noise=0.01, n=40, objective="logit", **columns):
    values = centre + noise * GENERATOR.normal(size=n)
    known = {"metric": metric, "method": method, "objective": objective}
    known["view"] = "as seen" if metric in maco.IN_CROPS else ""
    units = {"picture": range(n), "value": values}
    table = pd.DataFrame({"dataset": "chimera", "model": "convnet", "seed": 0, **known, **units})
    return as_results(table, **columns)


def constant(error, ours, theirs):
    return pd.concat(
        [
            rows("MagnitudeError", "MACO", error, 0.01 * error),
            rows("MagnitudeError", "Fourier", 0.8),
            rows("FreeParameters", "MACO", ours, 0, 1, ""),
            rows("FreeParameters", "Fourier", theirs, 0, 1, ""),
        ]
    )


@pytest.mark.parametrize(
    ("table", "outcome"),
    [(constant(1e-6, 50, 100), YES), (constant(0.1, 50, 100), NO), (constant(1e-6, 100, 100), NO)],
)
def test_spectrum_constant(table, outcome):
    assert maco.SpectrumConstant()(table).outcome == outcome


@pytest.mark.parametrize(
    ("ours", "fourier", "noise", "outcome"),
    [
        (0.22, 0.5, 0.01, YES),
        (0.18, 0.5, 0.01, YES),  # nearer from below
        (0.5, 0.25, 0.01, NO),
        (0.22, 0.1, 0.01, NO),  # MACO is nearer, but Fourier has less than images
        (0.2, 0.21, 0.2, OPEN),
    ],
)
def test_lower_high_frequency(ours, fourier, noise, outcome):
    table = pd.concat(
        [
            rows("HighFrequencyShare", "natural images", 0.2, 0),
            rows("HighFrequencyShare", "MACO", ours, noise),
            rows("HighFrequencyShare", "Fourier", fourier, noise),
        ]
    )
    assert maco.LowerHighFrequency()(table).outcome == outcome


def scored(plausible, fid, seen):
    """Scores of MACO; both rivals have 2, 20 and 0.5. The network itself is no judge."""
    parts = [rows("Transferability", "MACO", 9, evaluator="itself")]
    for method, values in (
        ("MACO", (plausible, fid, seen)), ("Fourier", (2, 20, 0.5)), ("CBR", (2, 20, 0.5))
    ):  # fmt: skip
        parts += [
            rows("Plausibility", method, values[0]),
            rows("FID", method, values[1], 0, 1),
            rows("FID resampled", method, values[1], 0.5),
            rows("Transferability", method, values[2], evaluator="other"),
        ]
    return pd.concat(parts)


@pytest.mark.parametrize(
    ("scores", "outcome"),
    [((1, 10, 0.9), YES), ((3, 10, 0.9), NO), ((1, 30, 0.9), NO), ((1, 10, 0.2), NO)],
)
def test_beats_fourier(scores, outcome):
    verdict = maco.BeatsFourier()(scored(*scores))
    assert verdict.outcome == outcome
    assert "FID against CBR, convnet on chimera" in verdict.measured
    assert (verdict.effect > 0) == (outcome == YES)


def test_pictures_are_judged_in_crops_as_they_were_drawn():
    table = scored(1, 10, 0.9)
    whole = scored(3, 30, 0.2).assign(view="")
    claim = maco.BeatsFourier()
    assert claim(pd.concat([table, whole])).measured == claim(table).measured
    assert claim(whole).outcome == Outcome.NOT_RUN


def test_pictures_of_an_untrained_network_are_at_the_bottom():
    control = PicturesAtBottom({"Transferability": 1}, ["MACO"], "MACO, untrained network")

    def table(ours, theirs):
        pairs = {"MACO": ours, "MACO, untrained network": theirs}
        return pd.concat(
            [rows("Transferability", m, v, 0.1, evaluator="other") for m, v in pairs.items()]
        )

    assert control(table(0.8, 0.1))[0]
    assert not control(table(0.1, 0.8))[0]
    itself = table(0.1, 0.8).assign(evaluator="itself")  # it is no judge
    assert control(pd.concat([table(0.8, 0.1), itself]))[0]


@pytest.mark.parametrize(
    ("images", "noise", "passed"), [(1, 9, True), (4, 9, False), (1, 2.5, False)]
)
def test_the_frechet_distance_has_images_and_noise_at_its_ends(images, noise, passed):
    values = {"natural images": images, "uniform noise": noise, "MACO": 2, "Fourier": 3}
    table = pd.concat([rows("FID", name, value, 0, 1) for name, value in values.items()])
    table.loc[table["method"] == "natural images", "view"] = ""  # seen whole
    control = DistanceEnds(["MACO", "Fourier", "CBR"])
    assert control(table)[0] is passed
    assert not control(table[table["method"] != "uniform noise"])[0]


@pytest.mark.parametrize(
    ("ours", "theirs", "noise", "outcome"),
    [(0.8, 0.6, 0.1, YES), (0.6, 0.8, 0.1, NO), (0.6, 0.61, 0.5, OPEN)],
)
def test_human_prediction(ours, theirs, noise, outcome):
    table = pd.concat(
        [
            rows("ObserverAccuracy", method, centre, noise, objective="channel")
            for method, centre in (("MACO", ours), ("Fourier", theirs))
        ]
    )
    verdict = maco.HumanPrediction()(table)
    assert verdict.outcome == outcome
    assert "no person" in verdict.measured


@pytest.mark.parametrize(("passed", "outcome"), [(38, YES), (4, NO), (21, OPEN)])
def test_concept_selective(passed, outcome):
    table = rows("Selective", "MACO", 0, 0, objective="concept")
    table["value"] = [1.0] * passed + [0.0] * (40 - passed)
    assert maco.ConceptSelective()(table).outcome == outcome


@pytest.mark.parametrize(
    "claim",
    [
        maco.SpectrumConstant(),
        maco.LowerHighFrequency(),
        maco.BeatsFourier(),
        maco.HumanPrediction(),
        maco.ConceptSelective(),
    ],
)
def test_not_run(claim):
    assert claim(rows("Deletion", "MACO", 1)).outcome == Outcome.NOT_RUN
