"""The study of gradient paths on a network whose paths can be counted."""

import math

import pytest
import torch
from torch import nn

from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks.models import Classifier, seeded
from sparks_thesis.beyond.figure_paths import MAPS, Paths
from sparks_thesis.beyond.gradient_paths import PathsStudy
from sparks_thesis.common.figure_data import FigureData

TABLES = {"parts": ["dot"], "class_parts": {"a": ["dot"], "b": ["dot"]}}


@pytest.fixture(scope="module")
def made():
    with seeded(1):
        model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), channels=3).eval()
        pixels = torch.randint(0, 256, (6, 3, 4, 4), dtype=torch.uint8)
    with torch.no_grad():
        model.net[1].weight.copy_(torch.ones(2, 48))
        model.net[1].weight[0, 5] = 3.0  # the first colour of pixel 5: the heaviest path
    parts = torch.zeros(6, 4, 4, dtype=torch.uint8)
    parts[:, 1, 1] = 1  # pixel 5
    images = ImageSet(
        torch.zeros(6).long(), ("a", "b"), pixels, truth={"parts": parts}, tables=TABLES
    )
    numbers, maps = PathsStudy(images=5, batch_size=2).run(model, images, images.labels)
    return numbers.table(dataset="dots", model="dense", seed=0, experiment="beyond"), maps, images


def test_paths_of_a_dense_layer_are_its_weights(made):
    table, maps, _ = made
    trained = table[table["method"] == "trained"].groupby("metric")["value"]
    assert set(trained.count()) == {5}
    mean = trained.mean()
    assert mean["PathCount"] == pytest.approx(math.log(48))
    assert mean["PathShare"] == pytest.approx(3 / 50)
    heaviest, other = 3 / 50, 1 / 50
    entropy = -heaviest * math.log(heaviest) - 47 * other * math.log(other)
    assert mean["PathEntropy"] == pytest.approx(entropy, rel=1e-5)
    assert mean["PathLength"] == 1
    assert (maps["heaviest path"].flatten(1).argmax(1) == 5).all()
    hits = table[table["metric"] == "PointingGame"].groupby("method")["value"].mean()
    assert hits["heaviest path"] == hits["gradient"] == hits["sum of paths"] == 1


def test_the_figure_shows_what_was_measured(made):
    table, maps, _ = made
    arrays = {name: one.numpy() for name, one in maps.items()}
    drawn = Paths()(table, [FigureData("dots", "dense", arrays, {})])
    pointing = drawn.figure.axes[-2]
    assert [label.get_text() for label in pointing.get_yticklabels()] == list(MAPS)
    assert next(bar.get_width() for bar in pointing.patches) == 100
    assert f"log of the number of paths of the trained network, {math.log(48):.1f}" in drawn.caption
    with pytest.raises(SparksError, match="needs the study gradient_paths"):
        Paths()(table, [])


def test_data_without_known_parts_are_refused(made):
    images = made[2]
    unknown = ImageSet(images.labels, images.classes, images.images)
    with pytest.raises(SparksError, match="which parts decide"):
        PathsStudy(images=2).run(nn.Identity(), unknown, images.labels)
