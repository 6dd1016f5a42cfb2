"""Crops as matrix products against PyTorch's interpolation, and their laws."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from sparks.errors import SparksError
from sparks.visualization import Crops, named_crops, resize
from sparks.visualization.crops import CROPS, Axes
from sparks.visualization.stream import bits, normal, uniform

SIZES = st.tuples(st.integers(3, 40), st.integers(3, 40))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def stretches(crops, progress=0.5, steps=40, side=100):
    """Relative start and size of crops down and across, read off images of ramps."""
    ramp = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    ramps = torch.stack([ramp[:, None].expand(-1, side), ramp.expand(side, -1)])[:, None]
    found = []
    random = generator()
    for _ in range(steps):
        for pair in crops.draw(progress, (side, side), (21, 21), random)(ramps):
            down, across = pair[:, 0].unbind()
            for line in (down[:, 10], across[10]):
                # Ends of an image are flat: the middle tells the scale.
                scale = abs(float(line[12] - line[8])) / 4 * 21
                found.append((float(line[10]) - scale / 2, scale))
    return torch.tensor(found).view(-1, 2, 2)


class TestResampling:
    @given(SIZES, SIZES)
    def test_whole_canvas_is_interpolation(self, source, target):
        x = torch.rand(2, 3, *source, generator=generator())
        expected = functional.interpolate(x, target, mode="bilinear", antialias=True)
        assert torch.allclose(resize(x, target), expected, atol=1e-5)

    def test_part_of_a_canvas(self):
        x = torch.rand(1, 3, 24, 24, generator=generator())
        crops = Crops(count=4, size=(0.5, 0.5), spread=0, centre=1e-9)
        for cut in crops.draw(0, (24, 24), (12, 12), generator())(x):
            assert torch.allclose(cut, x[:, :, 6:18, 6:18], atol=1e-5)

    def test_blur_is_a_gaussian(self):
        x = torch.zeros(1, 1, 31, 31)
        x[0, 0, 15, 15] = 1
        crops = Crops(count=1, size=(1, 1), spread=0, blur=(1.5, 1.5))
        spot = crops.draw(0, (31, 31), (31, 31), generator())(x)[0, 0, 0].sum(1)
        place = torch.arange(31.0) - 15
        assert float(spot.sum()) == pytest.approx(1, abs=1e-4)
        assert float((spot * place**2).sum()) == pytest.approx(1.5**2, rel=0.02)

    @given(SIZES, SIZES, st.sampled_from(sorted(CROPS)))
    def test_adjoint(self, canvas, size, name):
        # ⟨cuts(x), y⟩ = ⟨x, adjoint(y)⟩, of all crops together and of each.
        x = torch.rand(2, 3, *canvas, generator=generator(), dtype=torch.float64)
        y = torch.rand(3, 2, 3, *size, generator=generator(1), dtype=torch.float64)
        cuts = named_crops(name, 3).draw(0.5, canvas, size, generator())
        whole, back = cuts(x), cuts.adjoint(y[: len(cuts)], canvas)
        assert torch.allclose((whole * y[: len(cuts)]).sum(), (x * back).sum())
        for k in range(len(cuts)):
            one = cuts.part(slice(k, k + 1))
            assert torch.allclose(one(x)[0], whole[k])
            back = back - one.adjoint(y[k : k + 1], canvas)
        assert torch.allclose(back, torch.zeros_like(back), atol=1e-12)

    @pytest.mark.parametrize("name", CROPS)
    def test_whole_matrices(self, name):
        """Triangles times Gaussians over all pixels, written out one output pixel at a time."""
        random, (source, target) = generator(3), (37, 19)
        count, blurred = 4, named_crops(name).blur[1]
        share = 0.1 + 0.9 * torch.rand(count, generator=random)
        start = (1 - share) * torch.rand(count, generator=random)
        sigma = blurred * torch.rand(count, generator=random)
        axes = Axes.of(start, share, source, target, sigma, torch.device("cpu"))
        for k in range(count):
            scale, s = float(share[k]) * source / target, float(sigma[k])
            expected = torch.zeros(target, source)
            for i in range(target):
                centre = float(start[k]) * source + (i + 0.5) * scale - 0.5
                near = [max(0, 1 - abs(j - centre) / max(scale, 1)) for j in range(source)]
                expected[i] = torch.tensor(near) / sum(near)
            if s:
                away = torch.arange(source)
                spread = torch.exp(-((away[:, None] - away) ** 2) / (2 * s**2))
                expected = expected @ (spread / spread.sum(1, keepdim=True))
            found = torch.zeros(target, source)
            width = axes.weights.shape[2]
            found[:, axes.first[k] : axes.first[k] + width] = axes.weights[k]
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-3 if s else 1e-5)

    def test_flip(self):
        x = torch.rand(1, 3, 8, 8, generator=generator())
        crops = Crops(count=20, size=(1, 1), spread=0, flip=True)
        drawn = list(crops.draw(0, (8, 8), (8, 8), generator())(x))
        mirrored = [torch.allclose(y, x.flip(3), atol=1e-5) for y in drawn]
        assert 0 < sum(mirrored) < 20
        straight = [torch.allclose(y, x, atol=1e-5) for y in drawn]
        assert sum(mirrored) + sum(straight) == 20

    @pytest.mark.parametrize("name", CROPS)
    def test_a_flat_canvas_stays_flat(self, name):
        x = torch.full((1, 1, 30, 20), 0.7)
        for cut in named_crops(name, 8).draw(0.3, (30, 20), (12, 15), generator())(x):
            assert torch.allclose(cut, torch.full((1, 1, 12, 15), 0.7), atol=1e-5)


class TestLaws:
    @pytest.mark.parametrize("name", CROPS)
    def test_boxes_lie_on_the_canvas(self, name):
        found = stretches(named_crops(name), steps=10)
        assert float(found[..., 0].min()) > -0.02
        assert float(found.sum(-1).max()) < 1.02

    def test_paper(self):
        # N(0.25, 0.1), clipped where it is below 0.05.
        sizes = stretches(named_crops("paper"))[:, 0, 1]
        assert float(sizes.mean()) == pytest.approx(0.25, abs=0.015)
        assert float(sizes.std()) == pytest.approx(0.1, abs=0.015)

    def test_horama_draws_the_sizes_it_documents(self):
        sizes = stretches(named_crops("horama"))[..., 1]
        assert 0.195 < float(sizes.min()) < 0.205
        assert 0.245 < float(sizes.max()) < 0.255

    def test_xplique_shrinks(self):
        sizes = [float(stretches(named_crops("xplique"), p, 5)[..., 1].mean()) for p in (0, 1)]
        assert sizes[0] == pytest.approx(0.5, abs=0.02)
        assert sizes[1] == pytest.approx(0.07, abs=0.02)  # clipped at 0.05

    @pytest.mark.parametrize("name", ["paper", "xplique", "horama"])
    def test_noise(self, name):
        crops = named_crops(name)
        noise = crops.noise((50, 3, 20, 20), generator())
        variance = crops.uniform_noise**2 / 3 + crops.normal_noise**2
        assert float(noise.var()) == pytest.approx(variance, rel=0.03)
        assert float(noise.mean()) == pytest.approx(0, abs=1e-3)
        if name == "paper":
            assert float(noise.abs().max()) <= 0.1

    def test_no_noise(self):
        assert named_crops("whole").noise((2, 3), generator()) == 0

    def test_refusals(self):
        with pytest.raises(SparksError, match="unknown"):
            named_crops("lucid")
        with pytest.raises(SparksError, match="law"):
            Crops(law="cauchy")
        with pytest.raises(SparksError, match="shares of the canvas"):
            Crops(size=(0.5, 2))


class TestStream:
    def test_numbers_are_those_of_splitmix64(self):
        """As its authors print it, in integers without end."""
        key, state = 1234567, 1234567
        for found in bits(5, key, "cpu").tolist():
            state = (state + 0x9E3779B97F4A7C15) % 2**64
            z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
            assert found % 2**64 == z ^ (z >> 31)
        # The first numbers for this seed that its authors' program prints.
        assert bits(1, key, "cpu").item() % 2**64 == 6457827717110365317

    def test_uniform_and_normal(self):
        from scipy import stats

        for draw, law in ((uniform, stats.uniform(-1, 2)), (normal, stats.norm())):
            x = draw((200_001,), 99, "cpu").double().numpy()
            assert stats.kstest(x, law.cdf).pvalue > 0.01
            # Neither are neighbours alike, nor both halves of 64 bits, nor streams of close keys.
            other = draw((200_001,), 100, "cpu").double().numpy()
            for a, b in ((x[1:], x[:-1]), (x[1::2], x[:-1:2]), (x[2:], x[:-2]), (x, other)):
                for power in (1, 2):
                    near = np.corrcoef(a**power, b**power)[0, 1]
                    assert abs(near) < 4 / np.sqrt(len(a))
        assert float(uniform((2**22,), 1, "cpu").abs().max()) < 1
        assert bool(normal((2**22,), 1, "cpu").isfinite().all())
