"""The correction of training images by clusters of explanations, on a few tiny networks."""

from functools import partial

import pandas as pd
import pytest
import torch

from sparks.attribution import GradCAM
from sparks.concepts import SecondOrder
from sparks.concepts.second_order import ExplanationClusters
from sparks.data import Chimera
from sparks.engine.maskers import Grid
from sparks.errors import SparksError
from sparks.models import Classifier, ConvNet, seeded
from sparks.training import Settings
from sparks_thesis.beyond.figure_shortcut import CONDITIONS, Shortcut
from sparks_thesis.beyond.shortcut import Recipe, ShortcutStudy, called_irrelevant
from sparks_thesis.common.figure_data import FigureData


def network(seed):
    with seeded(seed):
        return Classifier(ConvNet(3, 10, 32, widths=(4, 8)), channels=3)


STUDY = ShortcutStudy(
    method=GradCAM(layer="stages.1"),
    second_order=SecondOrder(cells=4, marked=2, clusters=6),
    images=40,
    seed=1,
)
RECIPE = Recipe(network, Settings(epochs=1, batch_size=20, precision="fp32"), "cpu")


@pytest.fixture(scope="module")
def made():
    data = Chimera(n_train=50, n_test=20, size=32, bias=0.9)()
    tests = {name: data[name] for name in ("test", "test_biased")}
    numbers, pictures = STUDY.run(RECIPE, "stages.0", data["train"], tests)
    table = numbers.table(dataset="chimera_biased", model="convnet", seed=1, experiment="beyond")
    return data["train"].subset(range(40)), table, pictures


def test_every_condition_is_measured_on_every_test_image(made):
    _, table, _ = made
    right = table[table["metric"] == "Accuracy"]
    counts = right.groupby(["method", "repeat", "split"])["image"].nunique()
    assert set(counts) == {20}
    assert set(right["method"]) == set(CONDITIONS)
    assert right[right["method"] == "random clusters"]["repeat"].nunique() == STUDY.draws


def test_the_oracle_paints_all_that_is_no_part_and_nothing_of_the_parts(made):
    train, table, pictures = made
    oracle = table[table["method"] == "parts known"].set_index("metric")["value"]
    share = float((train.truth["parts"] == 0).float().mean())
    assert oracle["PaintedShare"] == pytest.approx(share)
    assert oracle["PaintedParts"] == 0
    untouched = ~pictures["pixels"][:, None].expand(-1, 3, -1, -1)
    assert torch.equal(pictures["repainted"][untouched], pictures["images"][untouched])


def test_clusters_that_show_parts_less_than_chance_are_irrelevant():
    grid = Grid((2, 2), (4, 4))
    cluster = torch.tensor([[0, 1, 1, 2]])
    found = ExplanationClusters(torch.tensor([[0, 1, 3]]), cluster, 3, grid)
    decides = torch.zeros(1, 4, 4, dtype=torch.bool)
    decides[0, :2, :2] = True  # all of the first cell: a quarter of the image
    decides[0, 2, 2] = True  # a quarter of the last cell
    assert called_irrelevant(found, decides).tolist() == [False, True, True]


def test_data_without_known_parts_are_refused(made):
    train, _, _ = made
    unknown = type(train)(train.labels, train.classes, train.images)
    with pytest.raises(SparksError, match="which parts decide"):
        STUDY.run(RECIPE, "stages.0", unknown, {})


def test_the_figure_says_what_was_measured(made):
    _, table, pictures = made
    arrays = {name: tensor.numpy() for name, tensor in pictures.items()}
    data = partial(FigureData, "chimera_biased", "convnet", arrays, {})
    rows = table.assign(value=table["value"].where(table["metric"] != "Accuracy", 0.5))
    rows.loc[(rows["method"] == "parts known") & (rows["metric"] == "Accuracy"), "value"] = 1.0
    drawn = Shortcut()(rows, [data()])
    accuracy = drawn.figure.axes[-2]
    assert [bar.get_width() for bar in accuracy.patches] == [50, 50, 50, 50, 100]
    assert f"{int(pictures['clusters'][0])} of 6 clusters" in drawn.caption
    assert "parts known 100.0" in drawn.caption
    with pytest.raises(SparksError, match="needs the study shortcut"):
        Shortcut()(pd.DataFrame(rows[rows["metric"] == "PaintedShare"]), [data()])
