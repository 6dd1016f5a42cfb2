"""Pictures of all concepts: together as alone, dead ones plain, bad vectors refused."""

import pytest
import torch

from sparks.errors import SparksError
from sparks.visualization import Ascent, concept_pictures, directions, named_crops

QUICK = Ascent(crops=named_crops("paper", 3), steps=3, canvas=1.5)


@pytest.fixture(scope="module")
def banks(layer):
    generator = torch.Generator().manual_seed(5)
    return [torch.rand(k, layer.channels, generator=generator) for k in (2, 3)]


def test_banks_are_made_together_as_directions(layer, statistics, banks):
    first, second = concept_pictures(layer, banks, statistics, QUICK, seed=4)
    assert first.images.shape == (2, 3, 24, 24)
    assert second.alpha.shape == (3, 24, 24)
    assert second.history.shape == (3, 3)
    whole = QUICK(directions(layer, torch.cat(banks)), statistics, statistics.size, 4)
    assert torch.equal(torch.cat([first.images, second.images]), whole.images)
    assert torch.equal(torch.cat([first.history, second.history], 1), whole.history)
    again = concept_pictures(layer, banks, statistics, QUICK, seed=4)
    assert torch.equal(again[1].images, second.images)


def test_a_dead_concept_is_plain_and_changes_no_other(layer, statistics, banks):
    dead = torch.cat([torch.zeros(1, layer.channels), banks[0]])
    (found,) = concept_pictures(layer, [dead], statistics, QUICK)
    (alone,) = concept_pictures(layer, [banks[0]], statistics, QUICK)
    assert torch.equal(found.images[1:], alone.images)
    assert torch.allclose(found.images[0].mean((1, 2)), statistics.colours.mean, atol=1e-6)
    assert float(found.images[0].std((1, 2)).max()) < 1e-6
    assert float(found.alpha[0].max()) == 0
    assert bool(found.history[:, 0].isnan().all())
    (none,) = concept_pictures(layer, [torch.zeros(2, layer.channels)], statistics, QUICK)
    assert none.images.shape == (2, 3, 24, 24)


def test_refusals(layer, statistics, banks):
    with pytest.raises(SparksError, match="zero or NaN"):
        concept_pictures(layer, [banks[0] * torch.nan], statistics, QUICK)
    with pytest.raises(SparksError, match="shape"):
        concept_pictures(layer, [banks[0][:, 1:]], statistics, QUICK)
    with pytest.raises(SparksError, match=r"canvas=-1.0"):
        concept_pictures(layer, banks, statistics, Ascent(canvas=-1.0))
