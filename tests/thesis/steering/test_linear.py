"""The test of linear representations, on a network whose parts are directions by construction."""

from dataclasses import dataclass

import pandas as pd
import pytest
import torch
from torch import nn

from sparks.concepts import NMF, Extractor, RandomCrops
from sparks.concepts.classes import Classified
from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks.models import Classifier
from sparks.stats import Bootstrap
from sparks_thesis.common.concept_inputs import ConceptInputs
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.steering.claims import PartIsDirection
from sparks_thesis.steering.linear import LinearStudy, shared
from sparks_thesis.steering.table_linear import Linear

NAMES = ["red", "green", "blue"]
PAIRS = {"red green": (0, 1), "green blue": (1, 2), "red blue": (0, 2)}
CELLS = 3  # a side; a part fills cells of its own colour


def scene(index, without=()):
    """Paint an image whose parts are squares, of as many cells as the image's number says."""
    target = index % 3
    generator = torch.Generator().manual_seed(index)
    image, truth = torch.zeros(3, 12, 12), torch.zeros(12, 12, dtype=torch.uint8)
    cells = torch.randperm(CELLS**2, generator=generator).tolist()
    for part in tuple(PAIRS.values())[target]:
        for _ in range(1 + int(torch.randint(3, (), generator=generator))):
            row, column = divmod(cells.pop(), CELLS)
            where = (slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4))
            if NAMES[part] not in without:
                image[part][where] = 1
                truth[where] = part + 1
    return (255 * image).byte(), truth


@dataclass
class Squares:
    def render(self, index, split="test", without=()):
        assert split == "test"
        return scene(index, without)[0]


@pytest.fixture(scope="module")
def table():
    made = [scene(i) for i in range(120)]
    tables = {
        "parts": NAMES,
        "class_parts": {n: [NAMES[p] for p in parts] for n, parts in PAIRS.items()},
    }
    data = ImageSet(
        torch.arange(120) % 3, tuple(PAIRS), images=torch.stack([image for image, _ in made]),
        truth={"parts": torch.stack([truth for _, truth in made])}, tables=tables,
    )  # fmt: skip
    # Each channel is a colour: a part adds to its own channel, and logits are sums of two.
    colours = nn.Conv2d(3, 3, 1, bias=False)
    head = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        colours.weight.copy_(torch.eye(3)[:, :, None, None])
        head.weight.copy_(torch.tensor([[1.0, 1, -1], [-1, 1, 1], [1, -1, 1]]))
    net = nn.Sequential(colours, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    model = Classifier(net).eval()
    found = Classified.by(model, data)
    assert torch.equal(found.predicted, data.labels)
    extractor = Extractor(dictionary=NMF(concepts=2), crops=RandomCrops(number=4))
    study = LinearStudy(images=30, steps=(1.0, 4.0))
    numbers = study.run(ConceptInputs(model, ["1"], found, found, extractor.on(found)), Squares())
    return numbers.table(dataset="squares", model="colours", seed=0, experiment="holistic")


def mean(table, metric, method):
    rows = table[(table["metric"] == metric) & (table["method"] == method)]
    assert len(rows)
    return rows["value"].mean()


def test_a_part_that_is_a_channel_is_one_direction_and_random_parts_are_not(table):
    assert mean(table, "DirectionShare", "part") == pytest.approx(1)
    assert mean(table, "DirectionShare", "random parts") < 0.8
    assert mean(table, "CosineSamePart", "part") == pytest.approx(1)
    assert mean(table, "CosineOtherPart", "part") == pytest.approx(0, abs=1e-6)


def test_subtracting_the_atom_that_matches_does_what_repainting_does(table):
    assert mean(table, "AtomCosine", "dictionary") > 0.99
    assert mean(table, "AtomCosine", "shuffled atoms") < 0.9
    for metric in ("ChangeRatio", "ChangeSpearman"):
        assert mean(table, metric, "atom") == pytest.approx(1, abs=0.05)
    assert mean(table, "ChangeRatio", "direction of other images") == pytest.approx(1, abs=1e-5)
    assert mean(table, "ChangeRatio", "shuffled atom") < 0.8


def test_pushes_leave_the_data_the_longer_they_are(table):
    rows = table[(table["metric"] == "Outside") & (table["method"] == "part")]
    by = rows.groupby("t")["value"].mean()
    assert by[4.0] > by[1.0]
    assert by[4.0] == 1


def test_the_claim_holds_where_parts_are_directions_and_not_where_atoms_are_others(table):
    claim = PartIsDirection(bootstrap=Bootstrap(resamples=200))
    # The untrained network of three channels is one direction of them for each colour as well.
    varied = table.copy()
    blank = (varied["method"] == "untrained network") & (varied["metric"] == "DirectionShare")
    varied.loc[blank, "value"] = [0.4 + 0.01 * i for i in range(int(blank.sum()))]
    assert claim(varied).outcome is Outcome.HOLDS
    assert claim(table).outcome is not Outcome.HOLDS
    worse = varied.copy()
    atoms = (worse["metric"] == "AtomCosine") & (worse["method"] == "dictionary")
    worse.loc[atoms, "value"] = [0.1 + 0.01 * i for i in range(int(atoms.sum()))]
    assert claim(worse).outcome is Outcome.FAILS
    assert claim(table[:0]).outcome is Outcome.NOT_RUN


def test_the_share_of_one_direction_is_that_of_held_out_differences():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(400, 20, generator=generator)
    assert shared(noise) == pytest.approx(1 / 20, abs=0.03)  # not the larger share of a fit
    line = torch.randn(400, 1, generator=generator) @ torch.randn(1, 20, generator=generator)
    assert shared(line) == pytest.approx(1)


def test_the_table_has_a_row_for_each_question_and_layer(table):
    shown = Linear(Bootstrap(resamples=50))(table).shown
    assert set(shown["layer"]) == {"1"}
    assert shown["question"].is_unique
    assert shown.set_index("question").loc["variance on one direction", "measured"] == "1.00"


def test_what_cannot_be_tested_is_refused(table):
    with pytest.raises(SparksError, match="painted without a part"):
        Linear()(table[table["metric"] == "AtomCosine"])
    with pytest.raises(SparksError, match="steps"):
        LinearStudy(steps=())
    images = ImageSet(torch.zeros(4).long(), ("a",), images=torch.zeros(4, 3, 8, 8).byte())
    given = Classified(images, torch.zeros(4).long())
    with pytest.raises(SparksError, match="parts are known"):
        LinearStudy().run(ConceptInputs(None, [], given, given, None), None)
    assert isinstance(table, pd.DataFrame)
