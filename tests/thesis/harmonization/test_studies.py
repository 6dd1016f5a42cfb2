"""The studies of alignment with people, where the answer is known."""

from functools import partial

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from sparks.alignment import ClickMaps
from sparks.data import ImageSet, human_maps
from sparks.errors import SparksError
from sparks.models import Classifier, seeded
from sparks.training import Settings, fit, predict
from sparks_thesis.harmonization.study_alignment import AlignmentStudy
from sparks_thesis.harmonization.study_people import CENTRE, OTHERS, PeopleStudy, controls
from sparks_thesis.harmonization.study_population import Kind, PopulationStudy

from ..common.rows import values

N, SIDE, SIGMA = 6, 12, 0.15


def images(clicks=None, n=N, seed=0):
    """Images of noise in two classes, and where people clicked."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (n, 1, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    truth = {} if clicks is None else {"clicks": clicks}
    return ImageSet(torch.arange(n) % 2, ("a", "b"), pixels, truth=truth)


def alike():
    """Clicks at the same two places in every image, of three people."""
    return torch.tensor([[3.0, 4.0], [8.0, 7.0]]).expand(N, 3, 2, 2).contiguous()


def scattered(people=3):
    generator = torch.Generator().manual_seed(1)
    return SIDE * torch.rand(N, people, 2, 2, generator=generator)


class Looking(nn.Module):
    """Two classes, told apart by the same pixels: those where people click."""

    def __init__(self, where):
        super().__init__()
        self.where = nn.Parameter(where)

    def forward(self, x):
        score = (x.flatten(1) * self.where).sum(1, keepdim=True)
        return torch.cat([score, -score], 1)


def network(where=None):
    if where is None:
        where = human_maps(alike(), SIDE, SIGMA * SIDE)[0].flatten()
    return Classifier(Looking(where), 1, mean=[0.0], std=[1.0]).eval()


def test_a_network_that_looks_where_people_click_is_aligned():
    study = AlignmentStudy(
        maps=ClickMaps(SIGMA), images=5, share=0.1, reductions=("max-abs", "mean"),
        shown=(0.0, 1.0), baseline=0.5, kept=2, seed=0,
    )  # fmt: skip
    test, other = images(alike()), images(seed=3, n=4)
    model = network()
    numbers, kept = study.run(model, test, {"test_biased": other})
    rows = numbers.table(seed=0)
    assert values(rows, "Spearman", reduction="max-abs") == pytest.approx(1, abs=1e-6)
    # People clicked at the same places in the next image.
    others = values(rows, "SpearmanOtherMarks", reduction="max-abs")
    assert others == pytest.approx(1, abs=1e-6)
    # The logit of the other class falls with the same pixels.
    signs = [1, -1, 1, -1, 1]
    assert values(rows, "Spearman", reduction="mean") == pytest.approx(signs, abs=1e-6)
    assert values(rows, "HumanCeiling") == pytest.approx(1)
    right = model(other.batch(range(4))).argmax(1) == other.labels
    assert values(rows, "Accuracy", split="test_biased").tolist() == right.tolist()
    x = test.batch(range(5))
    right = model(x).argmax(1) == test.labels[:5]
    assert values(rows, "RevealedAccuracy", revealed=1.0).tolist() == right.tolist()
    nothing = model(torch.full((1, 1, SIDE, SIDE), 0.5)).argmax(1) == test.labels[:5]
    assert values(rows, "RevealedAccuracy", revealed=0.0).tolist() == nothing.tolist()
    assert torch.equal(kept["images"], x[:2])
    assert torch.equal(kept["human"], ClickMaps(SIGMA)(test, torch.arange(2)))


def people(**methods):
    return PeopleStudy(methods=methods, sigma=SIGMA, splits=2, share=0.1, kept=2, seed=0)


def test_maps_that_are_peoples_agree_with_them_entirely():
    data = images(scattered())
    human = human_maps(data.truth["clicks"], SIDE, SIGMA * SIDE)
    own, against = (lambda *_: human), (lambda *_: -human)
    numbers, kept = people(own=own, against=against).run(network(), data, data.labels)
    rows = numbers.table(seed=0)
    assert values(rows, "Spearman", method="own", change="") == pytest.approx(1)
    assert values(rows, "Spearman", method="against", change="") == pytest.approx(-1)
    blurred = values(rows, "Spearman", method="own", change="blur")
    assert values(rows, "Spearman", method="against", change="blur") == pytest.approx(-blurred)
    magnitude = values(rows, "Spearman", method="against", change="blur of magnitude")
    assert magnitude == pytest.approx(blurred)
    assert set(rows[rows["change"] != ""]["amount"]) == {SIGMA * SIDE}
    assert len(values(rows, "HumanCeiling")) == len(values(rows, "OnePersonCeiling")) == N
    assert torch.equal(kept["map.own"], human[:2])


def test_controls_know_no_network():
    data = images(scattered())
    human = human_maps(data.truth["clicks"], SIDE, SIGMA * SIDE)
    made = controls(human)
    for i in range(N):
        others = torch.stack([human[j] for j in range(N) if j != i]).mean(0)
        torch.testing.assert_close(made[OTHERS][i], others)
        assert torch.equal(made[CENTRE][i], made[CENTRE][0])
    rows = people().run(network(), data, data.labels)[0].table(seed=0)
    by_hand = [spearmanr(made[CENTRE][i].flatten(), human[i].flatten())[0] for i in range(N)]
    assert values(rows, "Spearman", method=CENTRE) == pytest.approx(by_hand, abs=1e-6)


def test_images_without_marks_are_refused():
    with pytest.raises(SparksError, match="knows no marks of people"):
        people().run(network(), images(), images().labels)


def small(hidden, seed):
    with seeded(seed):
        net = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, hidden), nn.Linear(hidden, 2))
        return Classifier(net, 1)


def population(**networks):
    return PopulationStudy(
        networks=networks, maps=ClickMaps(SIGMA), images=4, judged=3, seeds=2, seed=7
    )


def test_every_network_of_a_population_is_trained_and_measured():
    training = Settings(epochs=2, batch_size=2, precision="fp32")
    kinds = {f"{h} units": Kind(partial(small, h), training) for h in (2, 3)}
    train, tests = images(seed=5), {"test": images(scattered()), "biased": images(seed=9)}
    rows = population(**kinds).run(train, tests, "cpu").table(dataset="d")
    assert len(rows) == 2 * 2 * 4
    assert set(rows["seed"]) == {7, 8}
    model = small(3, 8)
    fit(model, train.subset(range(4)), None, training, 8, "cpu")
    own = rows[(rows["architecture"] == "3 units") & (rows["seed"] == 8)]
    for split, data in tests.items():
        right = (predict(model, data).argmax(1) == data.labels).double().mean()
        assert values(own, "Accuracy", split=split) == pytest.approx(float(right))
    alike_marks = {"test": images(alike())}
    same = population(**kinds).run(train, alike_marks, "cpu").table(dataset="d")
    assert values(same, "AlignmentOtherMarks") == pytest.approx(values(same, "Alignment"))
    assert values(own, "AlignmentOtherMarks") != pytest.approx(values(own, "Alignment"))


def test_a_population_needs_people():
    with pytest.raises(SparksError, match="no people's marks"):
        population().run(images(), {"test": images()}, "cpu")
