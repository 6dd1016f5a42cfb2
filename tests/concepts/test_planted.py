"""Simulated observers on galleries whose answer is known."""

from itertools import pairwise

import pytest
import torch

from sparks.concepts.observer import Histograms
from sparks.concepts.planted import (
    CONCEPTS,
    OPACITIES,
    choice_answers,
    galleries,
    intruder_answers,
    texture,
    with_patch,
)
from sparks.data import Chimera
from sparks.errors import SparksError
from sparks.stats import proportion
from sparks.visualization.scores import planted_choices


@pytest.fixture(scope="module")
def pictures():
    data = Chimera(n_train=200, n_test=10, size=32)()["train"]
    return data.batch(range(200))


def answers(ask, pictures, opacity):
    groups = [Histograms()(group) for group in galleries(pictures, opacity, 0)]
    return ask(groups, 100, 0)


@pytest.mark.parametrize(("ask", "chance"), [(intruder_answers, 0.2), (choice_answers, 0.5)])
def test_the_psychometric_curve_rises_from_chance_to_near_one(ask, chance, pictures):
    found = [proportion(answers(ask, pictures, opacity)) for opacity in OPACITIES]
    assert found[0].low < chance + 0.05
    assert found[0].high > chance - 0.05
    assert found[-1].low > 0.85
    assert all(later.high > sooner.low for sooner, later in pairwise(found))


def test_the_observer_of_pictures_rises_from_chance_to_near_one(pictures):
    found = planted_choices(pictures, (0.0, 1.0), 200, 0)
    nothing, all_there = (proportion(found[opacity]) for opacity in (0.0, 1.0))
    assert abs(nothing.mean - 0.5) < 0.1
    assert all_there.low > 0.9


def test_answers_that_are_known_to_be_wrong_are_counted_as_wrong(pictures):
    groups = [Histograms()(group) for group in galleries(pictures, 1.0, 0)]
    shifted = [
        torch.cat([g[:10], h[:90]]) for g, h in zip(groups, groups[1:] + groups[:1], strict=True)
    ]
    # Most pictures of a gallery show the next concept: the intruder is often one of them.
    assert float(intruder_answers(shifted, 100, 0).mean()) < 0.8


def test_a_patch_covers_a_quarter_at_its_opacity(pictures):
    generator = torch.Generator().manual_seed(1)
    half = with_patch(pictures[:8], 2, 0.5, generator)
    changed = (half != pictures[:8]).any(1).float().mean()
    assert 0.2 < float(changed) <= 0.25
    assert torch.equal(with_patch(pictures[:8], 2, 0.0, generator), pictures[:8])


@pytest.mark.parametrize("channels", [1, 3])
def test_textures_differ_and_lie_in_range(channels):
    all_of_them = torch.stack([texture(c, channels, (16, 16)) for c in range(CONCEPTS)])
    assert float(all_of_them.min()) >= 0
    assert float(all_of_them.max()) <= 1
    apart = torch.cdist(all_of_them.flatten(1), all_of_them.flatten(1))
    assert float((apart + 100 * torch.eye(CONCEPTS)).min()) > 1


def test_too_few_images_and_wrong_opacities_are_refused(pictures):
    with pytest.raises(SparksError, match="39 images for 4 galleries: give 40 or more"):
        galleries(pictures[:39], 1.0, 0)
    with pytest.raises(SparksError, match="opacity 2"):
        with_patch(pictures, 0, 2.0, torch.Generator())
