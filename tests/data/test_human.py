"""Human maps are sums of Gaussians; the ceiling measures agreement."""

import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from sparks.data import human_ceiling, human_maps
from sparks.errors import SparksError


def clicks_around(centre: float, spread: float, n: int = 8, annotators: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(n, annotators, 10, 2, generator=generator)
    return (centre + spread * noise).clamp(0, 31.9)


def test_a_map_is_the_blurred_histogram_of_the_clicks() -> None:
    pixels = torch.randint(8, 24, (1, 3, 5, 2), generator=torch.Generator().manual_seed(0))
    histogram = torch.zeros(32, 32, dtype=torch.float64)
    for x, y in pixels.reshape(-1, 2).tolist():
        histogram[y, x] += 1
    sigma = 2.0
    blurred = gaussian_filter(histogram.numpy(), sigma, mode="constant", truncate=8)
    bump_height = 1 / (2 * torch.pi * sigma**2)  # ours are 1 high
    expected = torch.from_numpy(blurred) / bump_height / 15
    ours = human_maps(pixels + 0.5, 32, sigma)[0].double()
    assert torch.allclose(ours, expected, atol=1e-4)


def test_perfect_agreement_has_ceiling_one() -> None:
    clicks = clicks_around(16, 5, annotators=1).expand(-1, 6, -1, -1)
    assert human_ceiling(clicks, 32, 2.0).tolist() == pytest.approx([1.0] * 8)


def test_noise_lowers_the_ceiling_and_chance_ends_it() -> None:
    generator = torch.Generator().manual_seed(0)
    places = 4 + 24 * torch.rand(40, 1, 10, 2, generator=generator)
    noise = torch.randn(40, 6, 10, 2, generator=generator)
    means = [
        human_ceiling((places + s * noise).clamp(0, 31.9), 32, 2.0).mean().item()
        for s in (0.5, 2.0, 6.0)
    ]
    assert 1 > means[0] > means[1] > means[2]


def test_two_annotators_are_compared_directly() -> None:
    clicks = clicks_around(16, 5, n=3, annotators=2)
    maps = [human_maps(clicks[:, k : k + 1], 32, 3.0).flatten(1) for k in (0, 1)]
    expected = [spearmanr(one, other).statistic for one, other in zip(*maps, strict=True)]
    assert human_ceiling(clicks, 32, 3.0, repeats=3).tolist() == pytest.approx(expected)


def test_the_seed_decides_the_halves() -> None:
    clicks = clicks_around(16, 5)
    one, same, other = (human_ceiling(clicks, 32, 2.0, 2, seed) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_bad_clicks_are_refused() -> None:
    clicks = clicks_around(16, 5)
    with pytest.raises(SparksError, match="shape"):
        human_maps(clicks[0], 32, 2.0)
    with pytest.raises(SparksError, match="sigma"):
        human_maps(clicks, 32, 0.0)
    with pytest.raises(SparksError, match="at least 2 people"):
        human_ceiling(clicks[:, :1], 32, 2.0)
    clicks[5, 0, 0, 0] = float("nan")
    with pytest.raises(SparksError, match="image 5"):
        human_maps(clicks, 32, 2.0)
