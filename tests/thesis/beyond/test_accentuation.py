"""The study of feature accentuation on networks whose logits are linear in the image."""

import numpy as np
import pytest
import torch
from torch import nn

from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks.models import Classifier, seeded
from sparks.visualization import Crops
from sparks_thesis.beyond import CHANGES, TOWARDS
from sparks_thesis.beyond.accentuated import (
    AccentuationStudy,
    changed_by,
    size_of,
    with_shuffled_phases,
)
from sparks_thesis.beyond.figure_accentuation import Accentuations
from sparks_thesis.common.figure_data import FigureData

WHOLE = Crops(count=1, size=(1.0, 1.0), spread=0.0, uniform_noise=0.0)
NAMES = ("a", "b", "c")


def linear(seed):
    """A network of three classes, each a fixed pattern of 16 x 16 pixels."""
    with seeded(seed):
        return Classifier(
            nn.Sequential(nn.Flatten(), nn.Linear(3 * 256, 3)), channels=3, mean=0.0, std=1.0
        ).eval()


@pytest.fixture(scope="module")
def made():
    with seeded(2):
        pixels = torch.randint(60, 200, (5, 3, 16, 16), dtype=torch.uint8)
    images = ImageSet(torch.zeros(5).long(), NAMES, pixels)
    study = AccentuationStudy(images=4, steps=20, crops=WHOLE)
    numbers, kept = study.run(linear(0), {"other, seed 1": linear(1)}, images)
    return numbers.table(dataset="noise", model="linear", seed=0, experiment="beyond"), kept, images


def mean(table, metric, change, towards, evaluator=""):
    rows = table[
        (table["metric"] == metric)
        & (table["method"] == change)
        & (table["objective"] == towards)
        & (table["evaluator"] == evaluator)
    ]
    assert len(rows) == 4
    return rows["value"].mean()


@pytest.mark.parametrize("towards", TOWARDS)
def test_changes_are_equally_large_and_only_what_was_asked_for_gains(made, towards):
    table = made[0]
    sizes = [mean(table, "PixelChange", change, towards) for change in CHANGES]
    assert sizes == pytest.approx([sizes[0]] * 3, rel=1e-4)
    asked, slope, shuffled = (
        mean(table, "LogitGain", change, towards, "itself") for change in CHANGES
    )
    # The gradient of a linear logit is the best direction that there is for a change of its length.
    assert slope > asked > 5 * abs(shuffled)
    # Patterns of another network, drawn independently, are nearly at right angles.
    other = mean(table, "LogitGain", "accentuation", towards, "other, seed 1")
    assert abs(other) < asked / 4


def test_a_gain_is_the_logit_after_less_the_logit_before(made):
    table, kept, images = made
    model, x = linear(0), images.batch(slice(3))
    rows = table[(table["metric"] == "LogitGain") & (table["evaluator"] == "itself")]
    for towards, goals in zip(TOWARDS, kept["classes"], strict=True):
        change = (kept[towards] - x).flatten(1)
        expected = (change * model.net[1].weight[goals]).sum(1)  # no bias in a difference
        found = rows[(rows["objective"] == towards) & (rows["method"] == "accentuation")]
        assert found.sort_values("image")["value"].tolist()[:3] == pytest.approx(
            expected.tolist(), abs=1e-4
        )
    own, other = kept["classes"]
    assert own.equal(model(x).argmax(1))
    assert (own != other).all()


def test_an_image_changes_by_as_much_as_is_asked_for_or_as_it_can():
    x = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    direction = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    direction[2] = 0
    moved = changed_by(x, direction, torch.tensor([0.05, 0.3, 0.1]))
    assert size_of(moved - x).tolist() == pytest.approx([0.05, 0.3, 0], abs=1e-5)
    assert 0 <= float(moved.min()) <= float(moved.max()) <= 1
    assert ((moved - x) * direction >= 0).all()
    most = changed_by(x[:1], torch.ones(1, 3, 8, 8), torch.tensor([2.0]))
    assert most.equal(torch.ones(1, 3, 8, 8))


def test_shuffled_phases_keep_the_spectrum_and_the_relation_of_colours():
    change = torch.randn(2, 3, 9, 12, generator=torch.Generator().manual_seed(0))
    shuffled = with_shuffled_phases(change, seed=3)
    before, after = (torch.fft.rfft2(one) for one in (change, shuffled))
    assert torch.allclose(before.abs(), after.abs(), atol=1e-4)
    assert size_of(shuffled).tolist() == pytest.approx(size_of(change).tolist(), rel=1e-4)
    relation, kept = (one[:, 0] * one[:, 1].conj() for one in (before, after))
    assert torch.allclose(relation, kept, atol=1e-3)
    pairs = torch.stack([change.flatten(1), shuffled.flatten(1)], 1)
    assert all(abs(np.corrcoef(pair)[0, 1]) < 0.3 for pair in pairs.numpy())


def test_the_figure_shows_what_was_measured(made):
    table, kept, _ = made
    arrays = {name: one.numpy() for name, one in kept.items()}
    data = FigureData("noise", "linear", arrays, {"classes": NAMES})
    drawn = Accentuations()(table, [data])
    assert "scored by other, seed 1" in drawn.caption
    gained = mean(table, "LogitGain", "accentuation", TOWARDS[1], "other, seed 1")
    assert f"they gain {gained:.2f} [" in drawn.caption
    marks = [
        line.get_xdata()[0]
        for line in drawn.figure.axes[-2].get_lines()
        if len(line.get_xdata()) == 3
    ]
    own = mean(table, "LogitGain", "accentuation", TOWARDS[0], "itself")
    assert marks[0] == pytest.approx(own)
    alone = table[table["evaluator"].isin(["", "itself"])]
    assert len(Accentuations()(alone, [data]).figure.axes) == len(drawn.figure.axes) - 1
    assert "Below" not in Accentuations()(alone, [data]).caption
    with pytest.raises(SparksError, match="needs the study accentuation"):
        Accentuations()(table, [])


def test_grey_images_are_refused():
    grey = ImageSet(torch.zeros(2).long(), ("a", "b"), torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
    model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), channels=1).eval()
    with pytest.raises(SparksError, match="images in colour"):
        AccentuationStudy(images=2, steps=1, crops=WHOLE).run(model, {}, grey)
