"""The study of circuits on a network whose circuit is known: one channel a part."""

import pandas as pd
import pytest
import torch
from torch import nn

from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks.models import Classifier
from sparks.results import as_results
from sparks_thesis.beyond.circuits import CircuitsStudy, pasted
from sparks_thesis.beyond.figure_circuits import Circuits

NAMES = ["red", "green", "blue"]
CLASSES = {"red class": ["red"], "green class": ["green"]}


def squares(n, seed):
    """Images with a square in the colour of their class, and sometimes a blue one elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.zeros(n, 3, 12, 12, dtype=torch.uint8)
    parts = torch.zeros(n, 12, 12, dtype=torch.uint8)
    labels = torch.arange(n) % 2
    for i in range(n):
        cells = torch.randperm(9, generator=generator).tolist()
        for part in [int(labels[i])] + [2] * int(torch.randint(2, (), generator=generator)):
            row, column = divmod(cells.pop(), 3)
            where = (slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4))
            images[i, part][where] = 255
            parts[i][where] = part + 1
    tables = {"parts": NAMES, "class_parts": CLASSES}
    return ImageSet(labels, tuple(CLASSES), images, truth={"parts": parts}, tables=tables)


@pytest.fixture(scope="module")
def model():
    """Each layer's channels are the colours, so that logits are the areas of red and of green.

    Green counts more: a green square on an image of the red class is an attack.
    """
    layers = []
    for _ in range(2):
        convolution = nn.Conv2d(3, 3, 1, bias=False)
        with torch.no_grad():
            convolution.weight.copy_(torch.eye(3)[:, :, None, None])
        layers += [convolution, nn.ReLU()]
    head = nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.5, 0.0]]))
    return Classifier(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)).eval()


STUDY = CircuitsStudy(layers=["1", "3"], sizes=[1], parts=2, draws=4, images=40, reference=40)


@pytest.fixture(scope="module")
def table(model):
    numbers = STUDY.run(model, squares(40, 1), squares(60, 2))
    return numbers.table(dataset="squares", model="colours", seed=0, experiment="beyond")


def value(table, metric, method, part=1, **where):
    rows = table[(table["metric"] == metric) & (table["method"] == method)]
    rows = rows[rows["part"] == part]
    for column, content in where.items():
        rows = rows[rows[column] == content]
    return rows["value"].mean()


def test_the_circuit_of_a_colour_is_its_channel(table):
    for part in (0, 1):
        assert value(table, "CircuitAlone", "circuit", part) > 0.95
        assert value(table, "CircuitAlone", "random", part) < 0.95
        removed = [value(table, "CircuitRemoved", name, part) for name in ("circuit", "random")]
        assert removed[0] < removed[1]  # not 0: what hides a part is correlated with it


def test_the_edit_undoes_the_attack(table):
    """Green held at its mean, half a square: red squares outweigh it, but those hidden by it."""
    assert value(table, "EditedAccuracy", "none", split="clean") == 1
    assert value(table, "EditedAccuracy", "none", split="attacked") == 0
    assert value(table, "EditedAccuracy", "circuit", split="attacked") > 0.7
    assert value(table, "EditedAccuracy", "circuit", split="clean") == 1


def test_parts_are_pasted_from_images_that_show_them():
    images = squares(30, 3)
    attack = pasted(images, 1, 20, seed=0)
    changed = (attack.attacked != attack.x).any(1)
    green = attack.attacked[:, 1] == 1
    assert (green.flatten(1).sum(1) >= 16).all()
    assert (green | ~changed).all()  # where something changed, it became green
    assert attack.has.tolist() == (images.labels[:20] == 1).tolist()
    with pytest.raises(SparksError, match="no image shows the part 'red'"):
        pasted(images.subset(images.labels == 1), 0, 4, seed=0)


def test_data_without_known_parts_are_refused(model):
    images = squares(8, 3)
    unknown = ImageSet(images.labels, images.classes, images.images)
    with pytest.raises(SparksError, match="does not know its parts"):
        STUDY.run(model, unknown, unknown)


def made_up(method, metric, numbers, **columns):
    rows = {"dataset": "d", "model": "m", "method": method, "metric": metric, "seed": 0}
    frame = pd.DataFrame({**rows, "concepts": [1, 2], "value": numbers, "part": 0, **columns})
    return as_results(frame)


def test_the_figure_names_the_size_that_undoes_most():
    table = [made_up(m, k, [0.2, 0.4]) for m in ("circuit", "random") for k in ("CircuitAlone",)]
    table += [made_up(m, "CircuitRemoved", [0.3, 0.1]) for m in ("circuit", "random")]
    for split in ("attacked", "clean", "with the part"):
        table.append(made_up("none", "EditedAccuracy", [0.5, 0.5], split=split))
        table.append(made_up("circuit", "EditedAccuracy", [0.9, 0.6], split=split))
        table.append(made_up("random", "EditedAccuracy", [0.4, 0.3], split=split))
    drawn = Circuits()(pd.concat(table, ignore_index=True))
    assert (
        "with circuits of 1 channels a layer held, the best size shown, it is 90.0" in drawn.caption
    )
    lines = {line.get_label(): line.get_ydata() for line in drawn.figure.axes[0].lines}
    assert list(lines["circuit"]) == [0.2, 0.4]
