"""Which networks have learnt nothing, by the images that they were trained on."""

import pandas as pd
import pytest
import torch

from sparks.data import ImageSet
from sparks.models import Classifier
from sparks_thesis.common.learnt import learnt_nothing, right, sample

from .network_rows import evaluated


@pytest.fixture
def images():
    """Images of one pixel, in the order of two classes, of which one is three times as frequent."""
    labels = torch.tensor([0] * 30 + [1] * 10)
    pixels = (255 * labels).to(torch.uint8).reshape(-1, 1, 1, 1)
    return ImageSet(labels, ("dark", "light"), pixels)


def test_the_sample_is_of_all_classes_in_whatever_order_they_are():
    for labels in (torch.arange(6000) % 2, torch.arange(6000) // 3000):
        pixels = torch.zeros(6000, 1, 1, 1, dtype=torch.uint8)
        few = sample(ImageSet(labels, ("dark", "light"), pixels), 1000)
        assert len(few) == 1000
        assert 400 < int(few.labels.sum()) < 600


def test_a_small_set_is_taken_whole(images):
    assert sorted(sample(images).labels.tolist()) == images.labels.tolist()


@pytest.mark.parametrize(("weight", "accuracy"), [(1.0, 1.0), (0.0, 0.75)])
def test_accuracy_stands_beside_that_of_the_most_frequent_class(images, weight, accuracy):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[-weight], [weight]]))
        net[1].bias.copy_(torch.tensor([0.5, 0.0]))
    found = right(Classifier(net, channels=1, mean=0.0, std=None), images, "cpu")
    assert {name: float(marks.mean()) for name, marks in found.items()} == {
        "Accuracy": accuracy, "MajorityAccuracy": 0.75
    }  # fmt: skip


def test_only_training_images_tell_whether_a_network_has_learnt_something():
    rows = [
        evaluated("biased", 0.99, 0.5, split="train"),
        evaluated("biased", 0.5, 0.5, split="test"),
        evaluated("dead", 0.5, 0.5, split="train"),
        evaluated("ready-made", 0.5, 0.5, split="test"),
    ]
    found = learnt_nothing(pd.concat(rows))
    assert [network[1] for network in found] == ["dead"]
    assert "right in 50 [" in found["digits", "dead", 0]
