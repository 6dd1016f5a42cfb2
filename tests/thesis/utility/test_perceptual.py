"""Perceptual similarity: pairs whose order anyone can tell, as LPIPS's authors checked theirs."""

import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from sparks.data import Chimera
from sparks.errors import SparksError
from sparks_thesis.utility.perceptual import PerceptualSimilarity

RINGS = {"classes": [["wavy ring"], ["dotted ring"]], "radius": [0.2, 0.25], "distractors": 1}
measure = PerceptualSimilarity()


@pytest.fixture(scope="module")
def scenes():
    """Return images of two kinds of rings, the maps of their rings, and the kinds."""
    images = Chimera(n_train=2, n_test=40, size=64, **RINGS)()["test"]
    return images.batch(torch.arange(40)), images.diagnostic().float(), images.labels


@pytest.fixture(scope="module")
def regions(scenes):
    x, rings, _ = scenes
    return measure.regions(x, rings)


def with_themselves(regions, changed):
    return float(measure.similarities(regions, changed).diag().mean())


def test_what_is_the_same_has_similarity_one(regions):
    assert with_themselves(regions, regions) == pytest.approx(1.0, abs=1e-5)
    found = measure.similarities(regions[:3], regions[:5])
    assert found.shape == (3, 5)
    torch.testing.assert_close(found[:, :3], found[:, :3].T)


def test_the_more_a_region_is_changed_the_less_it_is_similar(regions):
    noise = torch.randn(regions.shape, generator=torch.Generator().manual_seed(0))
    noisy = [with_themselves(regions, (regions + s * noise).clamp(0, 1)) for s in (0.02, 0.1, 0.3)]
    blurred = [with_themselves(regions, gaussian_blur(regions, 4 * s + 1, s)) for s in (1, 2, 4)]
    moved = [with_themselves(regions, regions.roll(s, -1)) for s in (1, 4, 16)]
    for series in (noisy, blurred, moved):
        assert 1 > series[0] > series[1] > series[2]
        assert series[0] - series[2] > 0.2


def test_one_kind_of_part_is_more_similar_than_two_and_these_more_than_any_two_places(scenes):
    x, rings, kinds = scenes
    regions = measure.regions(x, rings)
    found = measure.similarities(regions, regions)
    same = (kinds[:, None] == kinds) & ~torch.eye(len(kinds), dtype=torch.bool)
    other = kinds[:, None] != kinds
    anywhere = torch.rand(rings.shape, generator=torch.Generator().manual_seed(0))
    assert found[same].mean() > found[other].mean() + 0.05
    assert float(measure(x, rings, kinds)) == pytest.approx(float(found[other].mean()), abs=1e-5)
    assert found[other].mean() > float(measure(x, anywhere, kinds)) + 0.05


def test_a_region_is_where_the_map_is_high():
    x = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    maps = torch.full((2, 64, 64), -5.0)  # what speaks against the output is not shown
    maps[0, 8:12, 40:44] = 1.0
    maps[1, 50:60, 2:8] = 2.0
    cut = PerceptualSimilarity(side=0.5, pixels=32).regions(x, maps)
    assert cut.shape == (2, 3, 32, 32)
    wanted = x[0, 0, 8:12, 40:44]
    assert any(
        torch.allclose(cut[0, 0, top : top + 4, left : left + 4], wanted)
        for top in range(29)
        for left in range(29)
    )


def test_one_output_alone_has_no_similarity_and_other_channels_are_refused():
    x, maps = torch.rand(3, 3, 32, 32), torch.rand(3, 32, 32)
    assert torch.isnan(measure(x, maps, torch.ones(3)))
    with pytest.raises(SparksError, match="2 channels"):
        measure(x[:, :2], maps, torch.ones(3))
