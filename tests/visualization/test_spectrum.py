"""Mean spectra, radial power and decorrelated colours."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparks.errors import SparksError
from sparks.io import load_tensors, save_tensors
from sparks.visualization import (
    ImageStatistics,
    high_frequency_share,
    image_statistics,
    magnitude_error,
    radial_power,
    spectrum_distance,
)
from sparks.visualization.parametrisation import fixed_magnitude


def wave(down, across, size=32):
    place = torch.arange(size, dtype=torch.float64) / size
    angle = 2 * math.pi * (down * place[:, None] + across * place)
    return torch.cos(angle)[None, None]


def white(n=200, size=32, deviation=1.0):
    generator = torch.Generator().manual_seed(0)
    return deviation * torch.randn(n, 2, size, size, generator=generator, dtype=torch.float64)


def falling(exponent, size=32, n=3):
    """Images of amplitude f^exponent at every frequency, with random phases."""
    radius = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size))
    magnitude = radius.clamp(min=1 / size)[None] ** exponent
    magnitude[:, 0, 0] = 0
    generator = torch.Generator().manual_seed(1)
    phase = 6.3 * torch.rand(n, *magnitude.shape, generator=generator)
    return fixed_magnitude(phase.double(), magnitude, (size, size))


class TestFitting:
    def test_against_numpy(self, images, statistics):
        x = images.double().numpy()
        pixels = x.transpose(1, 0, 2, 3).reshape(3, -1)
        covariance = np.cov(pixels, bias=True)
        assert np.allclose(statistics.colours.covariance, covariance, atol=1e-6)
        values, vectors = np.linalg.eigh(covariance)
        whitening = vectors @ np.diag(values**-0.5) @ vectors.T
        z = np.einsum("cd,ndhw->nchw", whitening, x - pixels.mean(1)[:, None, None])
        z = z - z.mean((2, 3), keepdims=True)
        expected = np.abs(np.fft.rfft2(z)).mean(0)
        assert np.allclose(statistics.magnitude, expected, rtol=1e-3, atol=1e-3)
        assert statistics.size == (16, 16)
        assert statistics.count == len(images)

    @given(st.integers(1, 40))
    def test_batches_of_any_size(self, images, statistics, batch):
        other = image_statistics(lambda: iter(images.split(batch)))
        for name, tensor in statistics.tensors().items():
            assert torch.allclose(other.tensors()[name], tensor, rtol=1e-4, atol=1e-5), name

    def test_decorrelated_colours_have_identity_covariance(self, images, statistics):
        z = statistics.colours.decorrelate(images).movedim(1, 0).flatten(1)
        assert torch.allclose(z.mean(1), torch.zeros(3), atol=1e-4)
        assert torch.allclose(torch.cov(z, correction=0), torch.eye(3), atol=1e-3)

    def test_one_wave(self):
        # Variance a²/2 is made 1, and a cosine of amplitude √2 has |F| = √2 N² / 2.
        x = 0.5 + 0.2 * wave(3, 5).float()
        magnitude = image_statistics(lambda: [x]).magnitude[0]
        assert magnitude[3, 5] == pytest.approx(32**2 / math.sqrt(2), rel=1e-3)
        rest = magnitude.clone()
        rest[3, 5] = 0
        assert float(rest.max()) < 0.1

    def test_resized_first(self, images):
        small = image_statistics(lambda: [images], size=(8, 12))
        assert small.size == (8, 12)
        assert small.magnitude.shape == (3, 8, 7)

    def test_grey_images_in_three_channels(self, images):
        grey = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        statistics = image_statistics(lambda: [grey])
        z = statistics.colours.decorrelate(grey)
        assert bool(z.isfinite().all())
        colours = statistics.colours.squash(torch.randn(2, 3, 4, 4))
        assert float((colours - colours[:, :1]).abs().max()) < 0.02

    def test_artifact(self, statistics, tmp_path):
        path = tmp_path / "statistics.safetensors"
        save_tensors(path, statistics.tensors())
        again = ImageStatistics.of_tensors(load_tensors(path))
        for name, tensor in statistics.tensors().items():
            assert torch.equal(again.tensors()[name], tensor), name
        assert again.size == statistics.size

    @pytest.mark.parametrize(
        ("batches", "message"),
        [
            ([], "no images"),
            ([torch.full((2, 3, 8, 8), torch.nan)], "NaN"),
            ([torch.full((2, 3, 8, 8), 0.3)], "one colour"),
            ([torch.rand(2, 3, 8, 8), torch.rand(2, 3, 9, 8)], "one shape"),
        ],
    )
    def test_refusals(self, batches, message):
        with pytest.raises(SparksError, match=message):
            image_statistics(lambda: batches)


class TestSquash:
    def test_tangent_is_the_data_set(self, statistics):
        z = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()
        colours, step = statistics.colours, 1e-4
        mean = colours.mean[:, None, None]
        assert torch.allclose(colours.squash(0 * z), mean.double(), atol=1e-6)
        slope = (colours.squash(step * z) - colours.squash(-step * z)) / (2 * step)
        expected = torch.einsum("cd,ndhw->nchw", colours.mixing.double(), z)
        assert torch.allclose(slope, expected, rtol=1e-3, atol=1e-5)

    def test_stays_an_image(self, statistics):
        x = statistics.colours.squash(100 * torch.randn(1, 3, 8, 8))
        assert 0 <= float(x.min()) <= float(x.max()) <= 1


class TestRadialPower:
    def test_white_noise_is_flat(self):
        frequencies, power = radial_power(white(deviation=0.5))
        assert torch.allclose(frequencies, torch.arange(1, 17) / 32)
        assert torch.allclose(power.mean(0), torch.full((16,), 0.25).double(), rtol=0.1)

    @pytest.mark.parametrize("exponent", [-1.0, -2.0])
    def test_amplitude_law(self, exponent):
        frequencies, power = radial_power(falling(exponent, 64))
        slope = np.polyfit(frequencies[2:].log(), power[0, 2:].log(), 1)[0]
        assert slope == pytest.approx(2 * exponent, abs=0.03)

    def test_one_wave(self):
        _, power = radial_power(wave(0, 4))
        # Two of the ring's coefficients hold |F|² = (N²/2)²; divided by N², over the ring.
        radius = np.hypot(*np.meshgrid(np.fft.fftfreq(32) * 32, np.fft.fftfreq(32) * 32))
        ring = (np.round(radius) == 4).sum()
        assert float(power[0, 3]) == pytest.approx(2 * (32**2 / 2) ** 2 / 32**2 / ring)
        assert float(power[0].sum() - power[0, 3]) == pytest.approx(0, abs=1e-9)

    def test_share_of_high_frequencies(self):
        x = torch.cat([wave(0, 4), wave(0, 8), 3 * wave(0, 4) + wave(0, 8)])
        assert torch.allclose(high_frequency_share(x), torch.tensor([0, 1, 0.1]).double())
        assert bool(high_frequency_share(torch.ones(1, 1, 8, 8)).isnan().all())


class TestDistance:
    def test_none_for_the_law_of_the_data(self):
        x = falling(-1.0)
        statistics = image_statistics(lambda: [x])
        assert float(spectrum_distance(0.3 * x + 0.1, statistics).max()) < 1e-3

    def test_two_laws(self):
        statistics = image_statistics(lambda: [falling(-1.0)])
        radius = np.hypot(*np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32)))
        rings = [radius[np.round(radius * 32) == ring] for ring in range(1, 17)]
        gap = np.array([np.log10((r**-4).mean() / (r**-2).mean()) for r in rings])
        found = spectrum_distance(falling(-2.0), statistics)
        assert float(found[0]) == pytest.approx(gap.std(), rel=1e-3)

    def test_pictures_of_another_size(self):
        statistics = image_statistics(lambda: [falling(-1.0, 64)])
        assert float(spectrum_distance(falling(-1.0, 32), statistics).max()) < 0.06


class TestResized:
    def test_white_noise_stays_white(self):
        x = white(400, 16)
        statistics = image_statistics(lambda: [x])
        for size in ((24, 16), (9, 21)):
            expected = image_statistics(
                lambda size=size: [white(400, 40)[..., : size[0], : size[1]]]
            )
            assert statistics.resized(size).size == size
            found = statistics.resized(size).magnitude[:, 2:-2, 2:-2].mean()
            assert float(found) == pytest.approx(
                float(expected.magnitude[:, 2:-2, 2:-2].mean()), rel=0.03
            )

    def test_same_size_is_the_same(self, statistics):
        assert statistics.resized((16, 16)) is statistics

    @given(st.tuples(st.integers(4, 33), st.integers(4, 33)))
    def test_is_the_spectrum_of_an_image(self, statistics, size):
        magnitude = statistics.resized(size).magnitude
        phase = 6 * torch.rand(1, *magnitude.shape, generator=torch.Generator().manual_seed(0))
        found = torch.fft.rfft2(fixed_magnitude(phase.double(), magnitude, size)).abs()
        assert magnitude.shape == (3, size[0], size[1] // 2 + 1)
        assert torch.allclose(found[0].float(), magnitude, rtol=1e-4, atol=1e-4)


def test_unsquash_undoes_squash(statistics):
    z = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    colours = statistics.colours
    assert torch.allclose(colours.unsquash(colours.squash(z / 2)), z / 2, atol=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (24, 20)])
def test_magnitude_error(statistics, size):
    there = statistics.resized(size)
    phase = 6.3 * torch.rand(2, *there.magnitude.shape, generator=torch.Generator().manual_seed(0))
    images = there.colours.squash(fixed_magnitude(phase.double(), there.magnitude, size))
    assert float(magnitude_error(images, statistics).max()) < 1e-4
    # Twice the magnitude is an error of all of it; a grey picture has none of it.
    double = there.colours.squash(fixed_magnitude(phase.double(), 2 * there.magnitude, size))
    flat = there.colours.mean[:, None, None].expand(1, -1, *size).double()
    assert torch.allclose(magnitude_error(double, statistics), torch.ones(2).double(), atol=1e-3)
    assert float(magnitude_error(flat, statistics)) == pytest.approx(1, abs=1e-4)
