"""The images and maps of a Utility study, on a network of which the answers are known."""

import pytest
import torch
from torch import nn

from sparks.attribution import Saliency
from sparks.data import ImageSet
from sparks.metrics import Complexity, Deletion
from sparks.models import Classifier, seeded
from sparks_thesis.utility.perceptual import PerceptualSimilarity
from sparks_thesis.utility.proxies import COMPLEXITY, FAITHFULNESS, SIMILARITY, of_maps
from sparks_thesis.utility.scored import ELSEWHERE, NOISE, ORACLE
from sparks_thesis.utility.study import Pool, UtilityStudy

N, SIDE = 48, 16
DELETION, COMPRESSED = Deletion(steps=4), Complexity()


def bottom_up(model, x, target):
    return x.mean(1)


STUDY = UtilityStudy(
    methods={"Saliency": Saliency()},
    control=bottom_up,
    pool=Pool(explained=8, asked=10, natural=("natural",)),
    classes={"natural": (2, 1)},
    oracles={"natural": "background"},
    deletion=DELETION,
    complexity=COMPRESSED,
    similarity=PerceptualSimilarity(pixels=32),
    seed=0,
)


@pytest.fixture(scope="module")
def test_images():
    """Three classes; of each image one square is its part."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (N, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    parts = torch.zeros(N, SIDE, SIDE, dtype=torch.uint8)
    parts[:, 4:8, 4:8] = 1
    return ImageSet(torch.arange(N) % 3, ("a", "b", "c"), pixels, truth={"parts": parts})


@pytest.fixture(scope="module")
def model():
    with seeded(0):
        return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 3))).eval()


@pytest.fixture(scope="module")
def made(model, test_images):
    numbers, kept = STUDY.run("natural", model, test_images)
    return numbers.table(seed=0), kept


def value(rows, metric):
    return rows[rows["metric"] == metric]["value"].to_numpy()


def test_the_model_decides_between_the_two_classes_that_are_named(model, test_images, made):
    rows, kept = made
    with torch.no_grad():
        for images, outputs in (("explained", "outputs"), ("asked", "truth")):
            logits = model(kept[images])
            assert torch.equal(kept[outputs], (logits[:, 1] > logits[:, 2]).long())
        logits = model(test_images.batch(range(N)))
    of_classes = test_images.labels != 0
    right = (logits[:, 1] > logits[:, 2]) == (test_images.labels == 1)
    assert value(rows, "ModelAccuracy").tolist() == right[of_classes].tolist()
    assert len(kept["explained"]) == 8
    assert len(kept["asked"]) == 10


def test_maps_explain_the_decision_and_have_their_proxies(model, made):
    rows, kept = made
    x, target = kept["explained"], torch.tensor([2, 1])[kept["outputs"]]
    maps = Saliency()(model, x, target)
    torch.testing.assert_close(kept["maps/Saliency"], maps)
    wanted = of_maps(DELETION, COMPRESSED, model, x, target, maps)
    for metric in (FAITHFULNESS, COMPLEXITY):
        assert value(rows, metric) == pytest.approx(wanted[metric].numpy())
    assert len(value(rows, SIMILARITY))
    assert torch.equal(kept["maps/Control"], x.mean(1))


def test_controls_are_the_place_that_decides_all_others_and_chance(made):
    _, kept = made
    oracle = kept[f"maps/{ORACLE}"]
    assert (oracle[:, 4:8, 4:8] == 0).all()  # the background decides here
    assert oracle.sum() == 8 * (SIDE**2 - 16)
    assert torch.equal(kept[f"maps/{ELSEWHERE}"], 1 - oracle)
    assert kept[f"maps/{NOISE}"].flatten(1).std(1).min() > 0


def test_without_names_the_first_two_classes_and_half_are_wrong(model, test_images):
    numbers, kept = STUDY.run("another", model, test_images)
    with torch.no_grad():
        logits = model(kept["asked"])
    assert torch.equal(kept["truth"], (logits[:, 1] > logits[:, 0]).long())
    assert value(numbers.table(seed=0), "ShownWrong").tolist() == [0.5]
