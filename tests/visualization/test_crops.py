"""Crops as matrix products against PyTorch's interpolation, and their laws."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from sparks.errors import SparksError
from sparks.visualization import Crops, named_crops, resize
from sparks.visualization import crops as crops_module
from sparks.visualization.crops import CROPS, Drawn

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
        for crop in crops.draw(progress, (side, side), (21, 21), random):
            down, across = crop(ramps)[:, 0].unbind()
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
        for crop in crops.draw(0, (24, 24), (12, 12), generator()):
            assert torch.allclose(crop(x), x[:, :, 6:18, 6:18], atol=1e-5)

    def test_blur_is_a_gaussian(self):
        x = torch.zeros(1, 1, 31, 31)
        x[0, 0, 15, 15] = 1
        crops = Crops(count=1, size=(1, 1), spread=0, blur=(1.5, 1.5))
        (crop,) = crops.draw(0, (31, 31), (31, 31), generator())
        spot = crop(x)[0, 0].sum(1)
        place = torch.arange(31.0) - 15
        assert float(spot.sum()) == pytest.approx(1, abs=1e-4)
        assert float((spot * place**2).sum()) == pytest.approx(1.5**2, rel=0.02)

    @given(SIZES, SIZES, st.sampled_from(sorted(CROPS)))
    def test_adjoint(self, canvas, size, name):
        # ⟨crop(x), y⟩ = ⟨x, adjoint(y)⟩, and the adjoint is added to what is there.
        x = torch.rand(2, 3, *canvas, generator=generator(), dtype=torch.float64)
        y = torch.rand(2, 3, *size, generator=generator(1), dtype=torch.float64)
        for crop in named_crops(name, 3).draw(0.5, canvas, size, generator()):
            total = torch.ones_like(x)
            crop.add_adjoint(y, total)
            assert torch.allclose((crop(x) * y).sum(), (x * (total - 1)).sum())

    @pytest.mark.parametrize("name", CROPS)
    def test_whole_matrices(self, name, monkeypatch):
        """Triangles times Gaussians over all pixels, written out one output pixel at a time."""
        asked = []
        cut = crops_module._axes
        monkeypatch.setattr(crops_module, "_axes", lambda *args: asked.append(args) or cut(*args))
        drawn = replace(named_crops(name, 3), flip=False).draw(0.4, (37, 52), (19, 24), generator())
        for side, (start, share, source, target, sigma) in zip("hw", asked, strict=True):
            for k, crop in enumerate(drawn):
                scale, s = float(share[k]) * source / target, float(sigma[k])
                expected = torch.zeros(target, source)
                for i in range(target):
                    centre = float(start[k]) * source + (i + 0.5) * scale - 0.5
                    near = [max(0, 1 - abs(j - centre) / max(scale, 1)) for j in range(source)]
                    row = torch.tensor(near) / sum(near)
                    if s:
                        away = torch.arange(source)
                        spread = torch.exp(-((away[:, None] - away) ** 2) / (2 * s**2))
                        row = row @ (spread / spread.sum(1, keepdim=True))
                    expected[i] = row
                axis = crop.down if side == "h" else crop.across
                found = torch.zeros(target, source)
                found[:, axis.first : axis.first + axis.weights.shape[1]] = axis.weights
                torch.testing.assert_close(found, expected, rtol=0, atol=1e-3 if s else 1e-5)

    def test_on_their_way_to_a_device_nothing_changes(self):
        crops = named_crops("olah", 3)
        drawn, noise = crops.draw(0, (30, 20), (12, 9), generator()), torch.rand(3, 2, 12, 9)
        moved, there = Drawn.of(drawn, noise, pinned=False).on(torch.device("cpu"))
        x = torch.rand(1, 2, 30, 20)
        assert torch.equal(there, noise)
        assert all(torch.equal(a(x), b(x)) for a, b in zip(drawn, moved, strict=True))

    def test_flip(self):
        x = torch.rand(1, 3, 8, 8, generator=generator())
        crops = Crops(count=20, size=(1, 1), spread=0, flip=True)
        drawn = [crop(x) for crop in crops.draw(0, (8, 8), (8, 8), generator())]
        mirrored = [torch.allclose(y, x.flip(3), atol=1e-5) for y in drawn]
        assert 0 < sum(mirrored) < 20
        straight = [torch.allclose(y, x, atol=1e-5) for y in drawn]
        assert sum(mirrored) + sum(straight) == 20

    @pytest.mark.parametrize("name", CROPS)
    def test_a_flat_canvas_stays_flat(self, name):
        x = torch.full((1, 1, 30, 20), 0.7)
        for crop in named_crops(name, 8).draw(0.3, (30, 20), (12, 15), generator()):
            assert torch.allclose(crop(x), torch.full((1, 1, 12, 15), 0.7), atol=1e-5)


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

    def test_refusals(self):
        with pytest.raises(SparksError, match="unknown"):
            named_crops("lucid")
        with pytest.raises(SparksError, match="law"):
            Crops(law="cauchy")
        with pytest.raises(SparksError, match="shares of the canvas"):
            Crops(size=(0.5, 2))
