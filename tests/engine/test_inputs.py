"""What may be explained or scored: the same line from every method and metric, at one place."""

import numpy as np
import pytest
import torch
from small import gradient_methods, sampling_methods
from torch import nn
from torch.nn import functional as F

from sparks.attribution import (
    EVA,
    LIME,
    BottomUp,
    Captum,
    DeconvNet,
    GradCAM,
    Greedy,
    GuidedBackprop,
    Input,
    Occlusion,
    Random,
    Saliency,
)
from sparks.engine import Baseline
from sparks.errors import SparksError
from sparks.metrics import (
    AverageStability,
    Complexity,
    Deletion,
    Explanation,
    Insertion,
    InsertionMinusDeletion,
    MuFidelity,
    PointingGame,
    RobustnessSr,
    Sparseness,
)

GRADIENT = [*gradient_methods("1"), Captum("captum.attr.Deconvolution")]
BLACK_BOX = [Occlusion(grid=2, perturbation=Baseline(0.5)), *sampling_methods()]
METHODS = [*GRADIENT, *BLACK_BOX, Random(), Input(), BottomUp(side=8)]
METRICS = [
    Deletion(steps=2),
    Insertion(steps=2),
    InsertionMinusDeletion(steps=2),
    MuFidelity(subsets=5, grid=2, share=0.5),
    RobustnessSr(bisections=1),
    AverageStability(neighbours=2),
    PointingGame(),
    Complexity(),
    Sparseness(),
]
TARGET = torch.tensor([0, 2])


def net(*first, classes=3):
    torch.manual_seed(0)
    return nn.Sequential(
        *first, nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(16, classes),
    ).eval()  # fmt: skip


def images():
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def ask(tool, model, x, target=TARGET):
    if tool in METHODS:
        return tool(model, x, target)
    maps = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(2))
    found = tool(Explanation(model, x, target, maps, truth=maps > 0.5, method=Saliency()))
    return torch.stack(list(found.values()))


EVERY = pytest.mark.parametrize("tool", [*METHODS, *METRICS], ids=lambda tool: type(tool).__name__)


@EVERY
def test_images_outside_of_their_range_are_refused(tool):
    model, x = net(), images()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    for bad, said in (
        ((x - mean.view(3, 1, 1)) / std.view(3, 1, 1), r"outside of \[0, 1\]: normalise inside"),
        (x * 255, r"to 25\d, outside of \[0, 1\]"),
        ((x * 255).byte(), r"images are torch.uint8: give real numbers in \[0, 1\]"),
        ((x * 255).long(), "images are torch.int64"),
        (x.numpy(), "inputs are a ndarray: give a tensor"),
    ):
        with pytest.raises(SparksError, match=said) as refusal:
            ask(tool, model, bad)
        assert "\n" not in str(refusal.value)


@EVERY
def test_a_model_can_say_that_it_takes_others(tool):
    """A network of images in [-1, 1], and one that says nothing about its images at all."""
    model, x = net(), images() * 2 - 1
    with pytest.raises(SparksError, match="outside"):
        ask(tool, model, x)
    model.input_range = (-1.0, 1.0)
    ask(tool, model, x)
    with pytest.raises(SparksError, match=r"outside of \[-1, 1\]"):
        ask(tool, model, 2 * x)
    model.input_range = None
    ask(tool, model, 2 * x)


@pytest.mark.parametrize(
    "method", [EVA(epsilon=0.01, grid=2, bound="ibp"), Greedy(grid=2, rounds=1, subsets=4)],
    ids=lambda method: type(method).__name__,
)  # fmt: skip
def test_verified_methods_ask_alike(method):
    model, x = net(), images()
    expected = method(model, x, TARGET)
    assert torch.equal(method(model, x, [0, 2]), expected)
    with pytest.raises(SparksError, match="outside of"):
        method(model, 2 * x, TARGET)
    with pytest.raises(SparksError, match=r"images are torch.uint8"):
        method(model, (x * 255).byte(), TARGET)
    with pytest.raises(SparksError, match="needs the class"):
        method(model, x, None)


@EVERY
def test_rounding_leaves_no_range(tool):
    x = images()
    x[0, 0, 0, 0], x[0, 0, 0, 1] = -1e-6, 1 + 1e-6
    ask(tool, net(), x)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
class TestWherePeopleCallFrom:
    def test_without_gradients(self, method):
        model, x = net(), images()
        expected = ask(method, model, x)
        with torch.no_grad():
            assert torch.equal(ask(method, model, x), expected)
        with torch.set_grad_enabled(False):
            assert torch.equal(ask(method, model, x), expected)
        assert model.training is False

    def test_in_inference_mode_maps_are_the_same_or_one_line_says_why_not(self, method):
        model, x = net(), images()
        expected = ask(method, model, x)
        with torch.inference_mode():
            made_there = x * 1
            if method in GRADIENT:
                with pytest.raises(SparksError, match="inference_mode switches off"):
                    ask(method, model, x)
            else:
                assert torch.equal(ask(method, model, x), expected)
        assert torch.equal(ask(method, model, made_there), expected)

    def test_results_are_detached(self, method):
        assert not ask(method, net(), images().requires_grad_()).requires_grad

    def test_first_layers_that_work_in_place(self, method):
        class Shifted(nn.Module):
            def forward(self, x):
                return x.sub_(0.5).div_(2)

        class Copied(nn.Module):
            def forward(self, x):
                return (x - 0.5) / 2

        for layers in ((nn.ReLU(inplace=True),), (Shifted(),)):
            x = images()
            model = net(*layers)
            shifted = method
            if isinstance(method, GradCAM):
                shifted = type(method)(str(len(layers)))
            plain = net(nn.ReLU() if isinstance(layers[0], nn.ReLU) else Copied())
            torch.testing.assert_close(shifted(model, x, TARGET), shifted(plain, x, TARGET))
            assert torch.equal(x, images())

    @pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
    def test_in_mixed_precision(self, method, dtype):
        """Inputs, or the model, of another precision: the same maps but for rounding."""
        if isinstance(method, Random):
            pytest.skip("its maps belong to the bits of the image")
        x = images().to(dtype).float()  # the same images in both
        expected = ask(method, net(), x)
        got = ask(method, net(), x.to(dtype))
        assert got.dtype == torch.float32
        close = 1e-4 if dtype == torch.float64 else 5e-2
        scale = float(expected.abs().max())
        torch.testing.assert_close(got, expected, atol=close * scale, rtol=0)
        other = ask(method, net().to(dtype), x)
        assert other.dtype == torch.float32
        assert torch.corrcoef(torch.stack([other.flatten(), expected.flatten()]))[0, 1] > 0.9

    def test_torchscript_is_explained_or_refused_in_one_line(self, method):
        model, x = net(), images()
        scripted = torch.jit.trace(model, x)
        if isinstance(method, GuidedBackprop | DeconvNet | GradCAM | Captum):
            with pytest.raises(SparksError) as refusal:
                ask(method, scripted, x)
            assert "\n" not in str(refusal.value)
        else:
            expected = ask(method, model, x)
            torch.testing.assert_close(ask(method, scripted, x), expected)


@pytest.mark.parametrize("method", GRADIENT[:6] + GRADIENT[8:10], ids=lambda m: type(m).__name__)
def test_models_without_derivatives_are_refused_in_one_line(method):
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, x):
            with torch.no_grad():
                return self.net(x)

    if isinstance(method, GradCAM):
        method = type(method)("net.1")
    with pytest.raises(SparksError, match="has no derivative by"):
        method(Frozen(), images(), TARGET)


def test_a_backbone_without_gradients_is_still_explained_where_that_can_be():
    """GradCAM at a layer behind it; Saliency needs the whole way, and says so."""

    class Probe(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = net()[:2]
            self.conv, self.head = nn.Conv2d(4, 5, 3), nn.Linear(5, 3)

        def forward(self, x):
            with torch.no_grad():
                features = self.backbone(x)
            return self.head(F.relu(self.conv(features)).mean((2, 3)))

    assert GradCAM("conv")(Probe(), images(), TARGET).shape == (2, 8, 8)
    with pytest.raises(SparksError, match="no derivative by layer 'backbone'"):
        GradCAM("backbone")(Probe(), images(), TARGET)
    with pytest.raises(SparksError, match="no derivative by its inputs"):
        Saliency()(Probe(), images(), TARGET)


def test_vectors_and_concepts_have_any_values():
    u = 5 * torch.randn(2, 6)
    model = nn.Linear(6, 3)
    for method in (Saliency(), Occlusion(), LIME(samples=30)):
        assert np.isfinite(method(model, u, TARGET).numpy()).all()
