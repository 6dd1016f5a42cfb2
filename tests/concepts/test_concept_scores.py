"""Attribution through concepts: which pixels drive an atom, by any attribution method."""

import pytest
import torch

from sparks.attribution import GradientInput, Occlusion, Saliency
from sparks.concepts import PCA, SAE, ConceptScores, Layer
from sparks.engine import Engine


@pytest.fixture(scope="module")
def layer(model, images):
    return Layer(model, "stages.0", images[:1])


@pytest.fixture(scope="module")
def linear(layer, images):
    return PCA(concepts=3).fit(layer.activations(images).flatten(0, 1))


@pytest.mark.parametrize("method", [Saliency(channels="sum"), GradientInput()])
def test_of_a_linear_encoder_it_is_the_gradient_along_its_filter(layer, linear, images, method):
    """The coefficient of an atom is (a - offset) · filter, whose gradient is taken directly."""
    x, target = images[:4], torch.tensor([0, 2, 1, 0])
    pixels = x.clone().requires_grad_()
    maps = layer.flat(layer.g(pixels))
    coefficients = ((maps - linear.offset) @ linear.filters).mean(1)
    (grad,) = torch.autograd.grad(coefficients.gather(1, target[:, None]).sum(), pixels)
    expected = (grad * (x if isinstance(method, GradientInput) else 1)).sum(1)
    found = method(ConceptScores(layer, linear), x, target)
    torch.testing.assert_close(found, expected)


def test_a_black_box_sees_by_how_much_a_coefficient_falls(layer, linear, images):
    x, target = images[:2], torch.tensor([1, 1])
    found = Occlusion(grid=2)(ConceptScores(layer, linear), x, target)
    without = x.clone()
    without[:, :, :8, :8] = 0

    def coefficient(some):
        maps = layer.activations(some)
        return ((maps - linear.offset) @ linear.filters).mean(1)[:, 1]

    torch.testing.assert_close(found[:, 0, 0], coefficient(x) - coefficient(without))


def test_an_autoencoder_is_explained_in_any_batches(layer, images):
    dictionary = SAE(concepts=8, kind="relu", epochs=2).fit(layer.activations(images).flatten(0, 1))
    scores, x = ConceptScores(layer, dictionary), images[:4]
    with torch.no_grad():
        target = scores(x).argmax(1)
    whole = Occlusion(grid=2)(scores, x, target)
    assert whole.abs().max() > 0
    parts = Occlusion(grid=2, engine=Engine(batch_size=3))(scores, x, target)
    torch.testing.assert_close(parts, whole)
