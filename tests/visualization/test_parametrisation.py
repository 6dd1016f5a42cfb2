"""What pictures are made of: fixed magnitudes, starts, steps, denoising."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.restoration import denoise_tv_chambolle

from sparks.errors import SparksError
from sparks.visualization import CBR, MACO, Fourier, Pixels
from sparks.visualization.parametrisation import fixed_magnitude, standardised
from sparks.visualization.variation import denoise

CPU = torch.device("cpu")
ALL = [MACO(), Fourier(), Pixels(), CBR()]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def unsquashed(image, colours):
    """The z of an image, by inverting the sigmoid and the mixing of colours."""
    mean = colours.mean.double()[:, None, None]
    mixed = (image.double().logit() - mean.logit()) * mean * (1 - mean)
    return torch.einsum("cd,ndhw->nchw", colours.mixing.double().inverse(), mixed)


def objective(image, weights):
    """Something smooth that is not linear in the image, for a network."""
    return (3 * (weights * image).sum() / weights.norm()).tanh() + (weights * image**2).sum() / 10


def published_ascent(phase, statistics, weights, spread, pixels, steps):
    """MACO as its released codes have it, line by line, of one picture and without crops or noise:
    the values of the objective, and the images. In float64.

    The departures that `MACO` names are here too: colours and spectrum are the data set's, and the
    first and the last column of coefficients are made those of a real image.
    """
    phase, magnitude = phase.double(), statistics.magnitude.double()
    mean, root = statistics.colours.mean.double(), statistics.colours.mixing.double()
    height, width = statistics.size
    first, second = torch.zeros_like(phase), torch.zeros_like(phase)
    product, values, images = 1.0, [], []

    def spatial(angle):
        real = angle.clone()
        for column in (0, width // 2):  # of an even width
            for row in range(height):
                real[:, row, column] = angle[:, row, column] - angle[:, -row % height, column]
        return torch.fft.irfft2(magnitude * torch.exp(1j * real), s=(height, width))

    gain = 1 / spatial(torch.zeros_like(phase)).square().mean().sqrt() if pixels else 1.0
    for t in range(1, steps + 1):
        leaf = phase.clone().requires_grad_()
        z = gain * spatial(spread * (leaf - leaf.mean()) / leaf.std())
        centre = mean[:, None, None]
        mixed = torch.einsum("cd,dhw->chw", root, z) / (centre * (1 - centre))
        image = torch.sigmoid(torch.log(centre / (1 - centre)) + mixed)
        loss = -objective(image, weights)
        values.append(-float(loss.detach()))
        images.append(image.detach().float())
        (g,) = torch.autograd.grad(loss, leaf)
        # NAdam (Dozat 2016), rate 1, with PyTorch's constants.
        now, later = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * i)) for i in (t, t + 1))
        product *= now
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g * g
        size = (second / (1 - 0.999**t)).sqrt() + 1e-8
        phase = phase - (1 - now) / (1 - product) * g / size
        phase = phase - later / (1 - product * later) * first / size
    return values, images


class TestMACO:
    @given(st.integers(2, 17), st.integers(2, 17), st.integers(0, 1000))
    def test_magnitude_is_fixed_whatever_the_phase(self, height, width, seed):
        # The spectrum of some real image, hence possible, but with its mean.
        size = (height, width)
        x = torch.rand(3, *size, generator=generator(seed), dtype=torch.float64)
        magnitude = torch.fft.rfft2(x).abs()
        shape = (2, *magnitude.shape)
        phase = 20 * torch.rand(shape, generator=generator(seed), dtype=torch.float64) - 10
        z = fixed_magnitude(phase, magnitude, size)
        assert z.shape == (2, 3, *size)
        assert torch.allclose(torch.fft.rfft2(z).abs(), magnitude.expand(shape), atol=1e-9)

    @pytest.mark.parametrize("size", [(4, 6), (5, 7)])
    def test_adjoint_by_hand(self, size):
        x = torch.rand(2, *size, generator=generator(), dtype=torch.float64)
        magnitude = torch.fft.rfft2(x).abs()
        phase = torch.rand(2, *magnitude.shape, generator=generator(1), dtype=torch.float64)
        assert torch.autograd.gradcheck(
            lambda p: fixed_magnitude(p, magnitude, size), phase.requires_grad_()
        )

    def test_phases_are_those_asked_for(self):
        magnitude = torch.ones(1, 6, 4)
        phase = 6 * torch.rand(1, 1, 6, 4, generator=generator()) - 3
        found = torch.fft.rfft2(fixed_magnitude(phase, magnitude, (6, 6))).angle()
        assert torch.allclose(found[..., 1:3], phase[..., 1:3], atol=1e-4)
        # In the first and the last column only the odd part can be had.
        assert torch.allclose(
            found[0, 0, 2, 0].cos(), (phase[0, 0, 2, 0] - phase[0, 0, 4, 0]).cos()
        )

    def test_spectrum_before_squashing_after_steps(self, statistics):
        canvas = MACO().start(statistics, 2, 0, CPU)
        first = canvas.image().detach()
        for step in range(5):
            image = canvas.image()
            canvas.update(image, torch.randn(image.shape, generator=generator(step)), step / 4)
        image = canvas.image().detach()
        assert float((image - first).abs().mean()) > 0.01
        found = torch.fft.rfft2(unsquashed(image, statistics.colours)).abs()
        assert torch.allclose(
            found.float(), statistics.magnitude.expand_as(found), rtol=1e-2, atol=1e-3
        )

    def test_half_the_parameters_of_fourier(self, statistics):
        phases, coefficients = (
            parametrisation.start(statistics, 1, 0, CPU).parameter.numel()
            for parametrisation in (MACO(), Fourier())
        )
        assert 2 * phases == coefficients

    def test_standardised_pixels(self, statistics):
        image = MACO(standardise_pixels=True).start(statistics, 1, 0, CPU).image()
        z = unsquashed(image.detach(), statistics.colours)
        assert float(z.square().mean()) == pytest.approx(1, abs=1e-3)

    @pytest.mark.parametrize(("law", "spread"), [("normal", 1), ("uniform", math.pi / 3**0.5)])
    def test_phases_keep_the_spread_of_their_start(self, statistics, law, spread):
        canvas = MACO(law=law).start(statistics, 2, 0, CPU)
        for step in range(30):
            image = canvas.image()
            canvas.update(image, torch.randn(image.shape, generator=generator(step)), 0.0)
        # The parameter spreads, the phases do not (in columns 0 and W / 2 they are differences).
        assert float(canvas.parameter.detach().std()) > 2 * spread
        z = unsquashed(canvas.image().detach(), statistics.colours)
        phases = standardised(canvas.parameter.detach()).double() * spread
        for own in phases:
            assert float(own.std()) == pytest.approx(spread, rel=1e-5)
            assert float(own.mean()) == pytest.approx(0, abs=1e-5)
        found = torch.fft.rfft2(z)[..., 1:-1].angle()
        apart = torch.polar(torch.ones(()).double(), found - phases[..., 1:-1])
        assert float((apart.real * statistics.magnitude[..., 1:-1]).sum()) == pytest.approx(
            2 * float(statistics.magnitude[..., 1:-1].sum()), rel=1e-3
        )

    def test_unknown_law(self):
        with pytest.raises(SparksError, match="one of uniform, normal"):
            MACO(law="cauchy")

    @pytest.mark.parametrize(("law", "spread"), [("normal", 1), ("uniform", math.pi / 3**0.5)])
    @pytest.mark.parametrize("pixels", [True, False])
    def test_trajectory_is_the_published_one(self, statistics, law, spread, pixels):
        weights = torch.randn(3, 16, 16, generator=generator(5), dtype=torch.float64)
        canvas = MACO(law=law, standardise_pixels=pixels).start(statistics, 1, 3, CPU)
        start = canvas.parameter.detach().clone()[0]
        values, images = published_ascent(start, statistics, weights, spread, pixels, 40)
        for value, expected in zip(values, images, strict=True):
            image = canvas.image()
            own = image[0].detach()
            assert float((own - expected).abs().max()) < 2e-3
            assert float(objective(own.double(), weights)) == pytest.approx(value, abs=2e-2)
            leaf = image.detach().double().requires_grad_()
            (gradient,) = torch.autograd.grad(objective(leaf[0], weights), leaf)
            canvas.update(image, gradient.float(), 0.0)


class TestFourier:
    @pytest.mark.parametrize("decay", [0.85, 1.0, 1.5])
    def test_decay(self, statistics, decay):
        canvas = Fourier(decay=decay).start(statistics, 1, 0, CPU)
        with torch.no_grad():
            canvas.parameter.zero_()
            canvas.parameter[0, :, 0, 4, 0] = 1  # a cosine of 4 periods, alike in all channels
        z = unsquashed(canvas.image().detach(), statistics.colours)
        # irfft2 divides by H W and adds the conjugate; scale: f^-decay √(H W).
        height = 2 * (4 / 16) ** -decay * 16 / 16**2
        wave = height * np.cos(2 * math.pi * 4 * np.arange(16) / 16)
        assert np.allclose(z[0, 1], np.tile(wave, (16, 1)), atol=1e-3)


class TestAll:
    @pytest.mark.parametrize("parametrisation", ALL, ids=lambda p: type(p).__name__)
    def test_starts_alike_and_by_the_seed(self, statistics, parametrisation):
        one = parametrisation.start(statistics, 3, 0, CPU).image()
        assert one.shape == (3, 3, 16, 16)
        assert 0 <= float(one.detach().min()) <= float(one.detach().max()) <= 1
        assert torch.equal(one[0], one[2])
        assert torch.equal(one, parametrisation.start(statistics, 3, 0, CPU).image())
        assert not torch.equal(one, parametrisation.start(statistics, 3, 1, CPU).image())

    @pytest.mark.parametrize("parametrisation", ALL, ids=lambda p: type(p).__name__)
    def test_goes_up(self, statistics, parametrisation):
        canvas = parametrisation.start(statistics, 2, 0, CPU)
        weights = torch.nn.functional.interpolate(
            torch.randn(2, 3, 4, 4, generator=generator()), (16, 16), mode="bilinear"
        )
        values = []
        for step in range(25):
            image = canvas.image()
            values.append((weights * image.detach()).sum((1, 2, 3)))
            canvas.update(image, weights, step / 24)
        assert bool((values[-1] > values[0] + 1).all())

    @pytest.mark.parametrize("kind", [MACO, Fourier, Pixels])
    def test_unknown_optimiser(self, statistics, kind):
        with pytest.raises(SparksError, match="one of adam, nadam"):
            kind(optimiser="sgd").start(statistics, 1, 0, CPU)

    @pytest.mark.parametrize("kind", [MACO, Fourier, Pixels])
    def test_gradients(self, statistics, kind):
        canvas = kind().start(statistics, 1, 0, CPU)
        start = canvas.parameter.detach().double()
        weights = torch.randn(3, 16, 16, generator=generator(), dtype=torch.float64)
        along = torch.randn(start.shape, generator=generator(1), dtype=torch.float64)

        def value(t):
            return (weights * canvas.decode(start + t * along)).sum()

        t = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(value(t), t)
        difference = (value(1e-5) - value(-1e-5)) / 2e-5
        assert float(slope) == pytest.approx(float(difference), rel=1e-5)


class TestCBR:
    def test_step_without_denoising_is_the_published_one(self, statistics):
        settings = CBR(variation=(1e-9, 1e-9))
        canvas = settings.start(statistics, 1, 0, CPU)
        image = canvas.image()
        gradient = torch.randn(image.shape, generator=generator())
        canvas.update(image, gradient, 0.0)
        expected = (image + 11 / 255 * gradient / gradient.abs().mean()).clamp(0, 1)
        assert torch.allclose(canvas.image(), expected, atol=1e-5)

    def test_middle_only_towards_the_end(self, statistics):
        canvas = CBR(variation=(1e-9, 1e-9)).start(statistics, 1, 0, CPU)
        image = canvas.image()
        canvas.update(image, torch.ones_like(image), 0.95)
        moved = (canvas.image() - image).abs().sum((0, 1)) > 1e-4
        expected = torch.zeros(16, 16, dtype=torch.bool)
        expected[4:12, 4:12] = True  # 50 of 224 pixels are 4 of 16
        assert torch.equal(moved, expected)


class TestDenoise:
    def test_step_in_closed_form(self):
        # Two plateaus n pixels wide move towards each other by strength / n.
        x = torch.zeros(1, 1, 6, 12)
        x[..., 5:] = 1
        found = denoise(x, 0.4, 3000)
        assert torch.allclose(found[..., :5], torch.tensor(0.4 / 5), atol=1e-3)
        assert torch.allclose(found[..., 5:], torch.tensor(1 - 0.4 / 7), atol=1e-3)

    @given(st.floats(0.01, 1), st.integers(0, 100))
    def test_keeps_means_and_flat_images(self, strength, seed):
        x = torch.rand(2, 3, 7, 9, generator=generator(seed))
        found = denoise(x, strength, 10)
        assert torch.allclose(found.mean((2, 3)), x.mean((2, 3)), atol=1e-5)
        flat = torch.full((1, 1, 5, 5), 0.3)
        assert torch.allclose(denoise(flat, strength, 10), flat, atol=1e-6)

    def test_against_skimage(self):
        x = torch.rand(2, 1, 12, 10, generator=generator())
        expected = [denoise_tv_chambolle(a[0].numpy(), 0.2, eps=0, max_num_iter=2000) for a in x]
        assert np.allclose(denoise(x, 0.2, 2000)[:, 0], np.stack(expected), atol=2e-3)
