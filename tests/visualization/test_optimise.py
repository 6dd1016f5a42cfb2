"""Ascent: it ascends, on the bytes the seed says, whatever the batch."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from pretended_gpu import PretendedGPU
from torch import nn
from torch.nn import functional

from sparks.errors import SparksError
from sparks.visualization import (
    CBR,
    MACO,
    Ascent,
    Crops,
    Fourier,
    Pictures,
    Pixels,
    directions,
    inversion,
    logits,
    named_crops,
    on_white,
    optimise,
    stretched,
    transparency,
)

SIZE = (16, 16)
PRESETS = sorted(Path(__file__).parents[2].glob("config/maco/*.yaml"))
QUICK = Ascent(steps=4, crops=Crops(count=3, size=(0.7, 0.7)))


class Linear(nn.Module):
    """⟨w, x⟩ for two w: its gradient is known."""

    def __init__(self, size=SIZE):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.w = nn.Parameter(torch.randn(2, 3, *size, generator=generator))
        self.largest = 0

    def forward(self, x):
        self.largest = max(self.largest, len(x))
        return torch.einsum("nchw,kchw->nk", x, self.w)


class TestAscent:
    @pytest.mark.parametrize(
        ("parametrisation", "crops"),
        [(MACO(), "paper"), (Fourier(), "olah"), (CBR(), "center-bias"), (Pixels(), "whole")],
        ids=["MACO", "Fourier", "CBR", "Pixels"],
    )
    def test_the_objective_increases(self, model, statistics, parametrisation, crops):
        ascent = Ascent(parametrisation=parametrisation, crops=named_crops(crops), steps=40)
        objective = logits(model, range(4))
        pictures = ascent(objective, statistics, SIZE).images
        assert pictures.shape == (4, 3, 16, 16)
        assert 0 <= float(pictures.min()) <= float(pictures.max()) <= 1
        start = parametrisation.start(statistics, 4, 0, torch.device("cpu")).image().detach()
        # The same crops for both: those of two steps differ by more than a step gains.
        seen = named_crops(crops, 60).draw(1, (16, 16), SIZE, torch.Generator().manual_seed(9))
        with torch.no_grad():
            first, last = (
                torch.stack([objective(cut, torch.arange(4)) for cut in seen(x)]).mean(0)
                for x in (start, pictures)
            )
        assert bool((last > first).all())

    @pytest.mark.parametrize("law", ["uniform", "normal"])
    def test_maco_rises_to_a_plateau(self, model, statistics, law):
        ascent = Ascent(parametrisation=MACO(law=law), crops=named_crops("whole"), steps=128)
        history = ascent(logits(model, range(4)), statistics, SIZE).history
        last = history[-32:]
        rise = last.mean(0) - history[0]
        # Neither does it go up and down, nor is it still on its way.
        assert bool((last.max(0).values - last.min(0).values < 0.1 * rise).all())

    @pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
    def test_presets_settle_above_where_they_start(self, model, statistics, path):
        config = OmegaConf.merge({"shared": {"maco_steps": 128}, "maco": OmegaConf.load(path)})
        preset = instantiate(config.maco, _convert_="all")
        codes = path.stem in ("horama", "xplique")
        assert preset.parametrisation == MACO(
            law="normal" if codes else "uniform", standardise_pixels=codes
        )
        crops = replace(preset.crops, count=6, size=(0.8, 0.8))  # not of two pixels a side
        ascent = replace(preset, crops=crops, canvas=1.0, steps=128)
        history = ascent(logits(model, range(4)), statistics, SIZE).history
        early, late = history[64:96].mean(0), history[96:].mean(0)
        assert bool((late - early < 0.15 * (late - history[:2].mean(0))).all())

    def test_a_feature_that_the_start_does_not_raise_is_drawn(self, statistics, monkeypatch):
        """A ReLU6 that is 0 on the start has no gradient of its own, and is raised all the same."""
        network = Linear()
        start = MACO().start(statistics, 1, 0, torch.device("cpu")).image().detach()
        with torch.no_grad():
            offset = network(start)[0] + 1
        objective = logits(lambda x: functional.relu6(network(x) - offset), [0, 1])
        ascent = Ascent(crops=named_crops("whole"), steps=40)
        with monkeypatch.context() as patch:
            patch.setattr(optimise, "REDIRECTED", 0)
            assert not ascent(objective, statistics, SIZE).history.any()
        history = ascent(objective, statistics, SIZE).history
        assert not history[0].any()
        assert bool((history[-8:].mean(0) > 0).all())

    def test_features_that_the_start_raises_are_drawn_as_without(
        self, model, statistics, monkeypatch
    ):
        found = QUICK(logits(model, range(4)), statistics, SIZE)
        monkeypatch.setattr(optimise, "REDIRECTED", 0)
        assert torch.equal(QUICK(logits(model, range(4)), statistics, SIZE).images, found.images)

    def test_same_seed_same_bytes(self, model, statistics):
        runs = [QUICK(logits(model, [0, 2]), statistics, SIZE, seed) for seed in (0, 0, 1)]
        for name in ("images", "alpha", "history"):
            first, second, other = (getattr(run, name) for run in runs)
            assert torch.equal(first, second)
            assert not torch.equal(first, other)

    @pytest.mark.parametrize("parametrisation", [MACO(), Fourier(), CBR()])
    def test_a_gpu_gets_the_same_numbers_and_is_not_waited_for(
        self, model, statistics, parametrisation
    ):
        ascent = replace(QUICK, parametrisation=parametrisation, batch_size=4)
        expected = ascent(logits(model, [0, 2]), statistics, SIZE)
        waits = []
        for steps in (4, 9):
            with PretendedGPU() as gpu:
                there = copy.deepcopy(model).to(gpu.device)
                found = replace(ascent, steps=steps)(logits(there, [0, 2]), statistics, SIZE)
                waits.append(len(gpu.waits))
            if steps == ascent.steps:
                assert torch.equal(found.images, expected.images)
                assert torch.equal(found.history, expected.history)
        assert waits[0] == waits[1] <= 4

    @pytest.mark.parametrize("parametrisation", [MACO(), Fourier(), CBR()])
    def test_batch_equals_one_at_a_time(self, model, statistics, parametrisation):
        ascent = replace(QUICK, parametrisation=parametrisation)
        together = ascent(logits(model, range(3)), statistics, SIZE)
        for i in range(3):
            alone = ascent(logits(model, [i]), statistics, SIZE)
            assert torch.allclose(alone.images[0], together.images[i], atol=2e-3)
            assert torch.allclose(alone.history[:, 0], together.history[:, i], atol=1e-2)

    def test_memory_is_bounded(self, statistics):
        network = Linear()
        objective = logits(network, [0, 1, 0, 1, 1])
        small, large = (replace(QUICK, batch_size=b)(objective, statistics, SIZE) for b in (2, 64))
        assert torch.allclose(small.images, large.images, atol=1e-4)
        network.largest = 0
        replace(QUICK, batch_size=2)(objective, statistics, SIZE)
        assert network.largest == 2

    def test_gradient_and_history_of_a_linear_network(self, statistics):
        network = Linear()
        ascent = Ascent(parametrisation=Pixels(), crops=named_crops("whole"), steps=3)
        pictures = ascent(logits(network, [0, 1]), statistics, SIZE)
        assert torch.allclose(pictures.alpha, 3 * network.w.detach().abs().mean(1), rtol=1e-4)
        start = Pixels().start(statistics, 1, 0, torch.device("cpu")).image()
        assert torch.allclose(pictures.history[0], network(start)[0].detach(), atol=1e-3)

    def test_the_model_keeps_its_mode_and_gets_no_gradients(self, model, statistics):
        model.train()
        try:
            QUICK(logits(model, [0]), statistics, SIZE)
            assert all(module.training for module in model.modules())
            assert all(parameter.grad is None for parameter in model.parameters())
        finally:
            model.eval()

    def test_canvas_of_another_size(self, model, statistics):
        pictures = QUICK(logits(model, [0]), statistics.resized((30, 21)), SIZE)
        assert pictures.images.shape == (1, 3, 30, 21)
        assert pictures.alpha.shape == (1, 30, 21)

    def test_a_network_may_see_crops_at_a_size_of_their_own(self, model, statistics):
        small = QUICK(logits(model, [0]), statistics, (8, 8))
        seen = replace(QUICK, seen=8)(logits(model, [0]), statistics, SIZE)
        assert torch.equal(seen.images, small.images)
        assert seen.images.shape == (1, 3, *SIZE)
        with pytest.raises(SparksError, match="seen=0"):
            Ascent(seen=0)

    def test_a_direction_is_shown_most_by_its_picture(self, model, layer, statistics, images):
        a = layer.pooled(images)
        v = torch.stack([a[0], a[1]]) - a.mean(0)
        ascent = Ascent(crops=named_crops("whole"), steps=60)
        pictures = ascent(directions(layer, v), statistics, SIZE)
        shown = layer.pooled(pictures.images) @ v.T
        assert torch.equal(shown.argmax(0), torch.arange(2))

    def test_inversion_finds_the_activations(self, layer, statistics, images):
        ascent = Ascent(crops=named_crops("whole"), steps=60)
        pictures = ascent(inversion(layer, images[:2]), statistics, SIZE)
        a, b = (layer.activations(x).flatten(1) for x in (pictures.images, images[:2]))
        cosine = torch.nn.functional.cosine_similarity
        others = cosine(layer.activations(images[2:]).flatten(1)[:, None], b[None], dim=2)
        assert bool((cosine(a, b) > others.median(0).values).all())

    def test_no_longer_finite(self, statistics):
        class Broken(Linear):
            def forward(self, x):
                outputs = super().forward(x)[:, 0]
                return torch.stack([outputs, torch.full_like(outputs, torch.nan)], 1)

        with pytest.raises(SparksError, match="picture of class 1"):
            QUICK(logits(Broken(), [0, 1]), statistics, SIZE)

    def test_nothing_to_do(self, model, statistics):
        with pytest.raises(SparksError, match=r"1 or more|needs? an objective|need an objective"):
            replace(QUICK, steps=0)(logits(model, [0]), statistics, SIZE)


class TestShowing:
    def test_transparency(self):
        alpha = torch.arange(100.0).view(1, 10, 10)
        found = transparency(torch.cat([alpha, 0 * alpha]))
        top = torch.quantile(alpha, 0.8)
        assert torch.allclose(found[0], alpha[0].clamp(max=top) / top)
        assert float(found[1].abs().max()) == 0

    def test_transparency_accumulates_gradients(self, statistics):
        """Of a linear model the gradient is the same in each step: alpha is steps · mean |w|."""
        w = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(2))
        ascent = Ascent(parametrisation=MACO(), crops=named_crops("whole"), steps=4)
        made = ascent(logits(lambda x: (x * w).sum((1, 2, 3))[:, None], [0]), statistics, (16, 16))
        assert torch.allclose(made.alpha[0], 4 * w.abs().mean(0), rtol=1e-4)
        assert float(transparency(made.alpha).max()) == 1

    def test_stretched(self):
        x = torch.linspace(0.4, 0.6, 300).view(1, 3, 10, 10)
        found = stretched(x)
        assert float(found.min()) == 0
        assert float(found.max()) == 1
        assert float(found.flatten()[150]) == pytest.approx(0.5, abs=0.01)

    def test_on_white(self):
        x = torch.linspace(0.4, 0.6, 300).view(1, 3, 10, 10)
        alpha = torch.zeros(1, 10, 10)
        alpha[:, :, 5:] = 2.0
        found = on_white(Pictures(x, alpha, torch.zeros(1, 1)))
        assert torch.equal(found[..., :5], torch.ones(1, 3, 10, 5))
        assert torch.allclose(found[..., 5:], stretched(x)[..., 5:])
