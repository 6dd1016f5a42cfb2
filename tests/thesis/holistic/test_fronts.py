"""Overcomplete dictionaries on activations whose atoms are planted."""

import pandas as pd
import pytest
import torch
from torch import nn

from sparks.concepts import NMF, PCA, SAE, KMeans, Layer, RandomDirections
from sparks.errors import SparksError
from sparks.models import Classifier
from sparks.stats import Bootstrap
from sparks_thesis.holistic.figure_fronts import Fronts
from sparks_thesis.holistic.fronts import FrontsStudy


@pytest.fixture(scope="module")
def table():
    """Two networks whose layers are the same up to the order of their channels."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.rand(8, 3, 1, 1, generator=generator) - 0.3
    layers, images = [], torch.rand(40, 3, 6, 6, generator=generator)
    for order in (torch.arange(8), torch.randperm(8, generator=generator)):
        first = nn.Conv2d(3, 8, 1, bias=False)
        with torch.no_grad():
            first.weight.copy_(weight[order])
        net = nn.Sequential(
            first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)
        )
        layers.append(Layer(Classifier(net).eval(), "1", images[:1]))
    study = FrontsStudy(
        dictionaries={
            "NMF": NMF(concepts=24, iterations=20),
            "PCA": PCA(),
            "K-Means": KMeans(concepts=24),
            "TopK-SAE": SAE(concepts=24, kind="topk", epochs=30),
            "Random directions": RandomDirections(concepts=24),
            "Semi-NMF": None,
        },
        levels=(1, 3),
        penalties=(0.5, 0.1),
        images=30,
        places=4,
    )
    numbers = study.run(layers, images[:30], images[30:])
    return numbers.table(dataset="d", model="m", seed=0, experiment="holistic")


def value(table, metric, method, level):
    rows = table[(table["metric"] == metric) & (table["method"] == method)]
    return rows[rows["amount"] == level]["value"].mean()


def test_codes_have_as_many_active_concepts_as_were_asked_for(table):
    for method in ("NMF", "PCA", "TopK-SAE", "Random directions"):
        for level in (1, 3):
            assert 0 < value(table, "Active", method, level) <= level
    assert value(table, "Active", "K-Means", 3) == 1
    assert "Semi-NMF" not in set(table["method"])


def test_more_active_concepts_explain_more_and_learned_ones_more_than_random(table):
    for method in ("NMF", "PCA", "Random directions"):
        assert value(table, "R2", method, 3) > value(table, "R2", method, 1)
    assert value(table, "R2", "NMF", 3) > value(table, "R2", "Random directions", 3)


def test_three_dimensions_are_found_again_in_a_network_with_other_channels(table):
    assert value(table, "NetworkAgreement", "PCA", 3) > 0.9
    assert value(table, "NetworkAgreementChance", "PCA", 3) < 0.3


def test_random_directions_are_as_stable_as_chance(table):
    reached, chance = (value(table, m, "Random directions", 1)
                       for m in ("Stability", "StabilityChance"))  # fmt: skip
    assert reached == pytest.approx(chance, abs=0.05)


def test_the_figure_draws_every_dictionary(table):
    drawing = Fronts(Bootstrap(resamples=20))(table)
    assert "24 atoms" in drawing.caption
    assert len(drawing.figure.axes) == 4
    with pytest.raises(SparksError, match="overcomplete"):
        Fronts()(table[:0])
    assert isinstance(table, pd.DataFrame)


def test_levels_and_penalties_go_together():
    with pytest.raises(SparksError, match="a penalty for each level"):
        FrontsStudy(dictionaries={}, levels=(1, 2), penalties=(0.1,))
