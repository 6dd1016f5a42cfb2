"""The claim on language, on made-up scores whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks_thesis.common.verdict import Outcome
from sparks_thesis.words.claims import CarriesOverToWords

CLAIM = CarriesOverToWords(rivals=["Occlusion", "Saliency"], margin=0.02)


def scores(noise=0.01, texts=200, dataset="reviews", **deletion):
    generator = np.random.default_rng(0)
    tables = [
        pd.DataFrame(
            {
                "dataset": dataset,
                "method": method,
                "metric": metric,
                "seed": 0,
                "image": range(texts),
                "value": centre + noise * generator.normal(size=texts),
            }
        )
        for method, centre in deletion.items()
        for metric in ("Deletion", "Insertion")
    ]
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize(
    ("deletion", "outcome"),
    [
        ({"Sobol": 0.5, "Occlusion": 0.5, "Saliency": 0.6, "Random": 0.7}, Outcome.HOLDS),
        ({"Sobol": 0.51, "Occlusion": 0.5, "Saliency": 0.6, "Random": 0.7}, Outcome.HOLDS),
        ({"Sobol": 0.54, "Occlusion": 0.5, "Saliency": 0.6, "Random": 0.7}, Outcome.FAILS),
        ({"Sobol": 0.5, "Occlusion": 0.6, "Saliency": 0.4, "Random": 0.7}, Outcome.FAILS),
        ({"Sobol": 0.7, "Occlusion": 0.7, "Saliency": 0.7, "Random": 0.6}, Outcome.FAILS),
    ],
)
def test_the_verdict(deletion, outcome):
    verdict = CLAIM(scores(**deletion))
    assert verdict.outcome == outcome
    rivals = min(deletion["Occlusion"], deletion["Saliency"])
    assert verdict.effect == pytest.approx(rivals - deletion["Sobol"], abs=0.005)
    assert verdict.low < verdict.effect < verdict.high


def test_wide_intervals_are_inconclusive():
    deletion = {"Sobol": 0.52, "Occlusion": 0.5, "Saliency": 0.6, "Random": 0.7}
    assert CLAIM(scores(noise=0.5, texts=20, **deletion)).outcome == Outcome.INCONCLUSIVE


def test_every_text_set_counts():
    good = scores(Sobol=0.5, Occlusion=0.5, Saliency=0.6, Random=0.7)
    bad = scores(dataset="imdb", Sobol=0.6, Occlusion=0.5, Saliency=0.6, Random=0.7)
    verdict = CLAIM(pd.concat([good, bad]))
    assert verdict.outcome == Outcome.FAILS
    assert "Occlusion on imdb: -0.10" in verdict.measured


def test_missing_methods_are_named():
    verdict = CLAIM(scores(Sobol=0.5, Occlusion=0.5, Random=0.7))
    assert verdict.outcome == Outcome.NOT_RUN
    assert "Saliency" in verdict.measured
