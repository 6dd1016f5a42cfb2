"""What pictures are made for, against a plain forward pass."""

import copy

import pytest
import torch

from sparks.concepts import Layer
from sparks.errors import SparksError
from sparks.visualization import MACO, channels, directions, inversion, logits, neurons
from sparks.visualization.objectives import middle


@pytest.fixture(scope="module")
def activations(model, images):
    """Activations of the layer, by a hook instead of a split."""
    kept = []
    handle = model.net.stages[1].register_forward_hook(lambda _, __, output: kept.append(output))
    with torch.no_grad():
        model(images)
    handle.remove()
    return kept[0].detach()


INDEX = torch.tensor([0, 1, 1, 0])


class TestValues:
    def test_logits(self, model, images):
        found = logits(model, [3, 1])(images[:4], INDEX)
        assert torch.equal(found, model(images[:4])[range(4), [3, 1, 1, 3]])

    def test_channels(self, layer, images, activations):
        found = channels(layer, [5, 2])(images[:4], INDEX)
        expected = activations[range(4), [5, 2, 2, 5]].mean((1, 2))
        assert torch.allclose(found, expected, atol=1e-5)

    def test_neurons(self, layer, images, activations):
        height, width = activations.shape[2:]
        assert middle(layer) == height // 2 * width + width // 2
        found = neurons(layer, [5, 2])(images[:4], INDEX)
        expected = activations[range(4), [5, 2, 2, 5], height // 2, width // 2]
        assert torch.allclose(found, expected, atol=1e-5)
        corner = neurons(layer, [5, 2], place=0)(images[:4], INDEX)
        assert torch.allclose(corner, activations[range(4), [5, 2, 2, 5], 0, 0], atol=1e-5)

    @pytest.mark.parametrize("pool", [True, False])
    def test_directions(self, layer, images, activations, pool):
        v = torch.randn(2, activations.shape[1], generator=torch.Generator().manual_seed(0))
        found = directions(layer, v, pool)(images[:4], INDEX).detach()
        for i in range(4):
            a = activations[i].flatten(1).T.double()
            a = a.mean(0, keepdim=True) if pool else a
            direction = v[INDEX[i]].double()
            product = a @ direction
            cosine = product / (a.norm(dim=1) * direction.norm())
            expected = (product * cosine.clamp(min=0.1) ** 2).mean()
            assert float(found[i]) == pytest.approx(float(expected), rel=1e-4, abs=1e-5)

    def test_inversion_of_the_image_itself(self, layer, images, activations):
        objective = inversion(layer, images[:2])
        own = objective(images[[0, 1]], torch.tensor([0, 1]))
        assert torch.allclose(own, activations[:2].flatten(1).square().sum(1), rtol=1e-4)
        swapped = objective(images[[0, 1]], torch.tensor([1, 0]))
        product = (activations[0] * activations[1]).sum()
        cosine = product / (activations[0].norm() * activations[1].norm())
        expected = product * cosine.clamp(min=0.1) ** 2
        assert torch.allclose(swapped, expected, rtol=1e-4)

    def test_layers_of_tokens_and_vectors(self, model, images):
        vectors = Layer(model, model.layers()[-2], images[:1])
        assert middle(vectors) in range(1000)
        assert neurons(vectors, [0])(images[:1], torch.tensor([0])).shape == (1,)

    def test_subset(self, model, images):
        part = logits(model, [3, 1, 2]).subset([2, 0])
        assert part.names == ("class 2", "class 3")
        found = part(images[:2], torch.tensor([0, 1]))
        assert torch.equal(found, model(images[:2])[range(2), [2, 3]])


class TestRefusals:
    def test_out_of_range(self, model, layer, images):
        with pytest.raises(SparksError, match="the 4 there are"):
            logits(model, [4])(images[:1], torch.tensor([0]))
        with pytest.raises(SparksError, match="channel"):
            channels(layer, [-1])
        with pytest.raises(SparksError, match="channel"):
            neurons(layer, [])

    def test_directions_that_point_nowhere(self, layer):
        with pytest.raises(SparksError, match="shape"):
            directions(layer, torch.ones(2, 3))
        v = torch.ones(2, layer.channels)
        v[1] = 0
        with pytest.raises(SparksError, match="direction 1"):
            directions(layer, v)


def test_finite_differences_from_phase_to_logit(model, layer, statistics, images):
    """The whole chain, in double precision."""
    double = copy.deepcopy(model).double()
    objectives = [
        logits(double, [2]),
        directions(Layer(double, "stages.1", images[:1].double()), torch.ones(1, layer.channels)),
    ]
    canvas = MACO().start(statistics, 1, 0, torch.device("cpu"))
    start = canvas.parameter.detach().double()
    along = torch.randn(start.shape, generator=torch.Generator().manual_seed(0)).double()
    for objective in objectives:

        def value(t, objective=objective):
            return objective(canvas.decode(start + t * along), torch.tensor([0]))[0]

        t = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(value(t), t)
        difference = (value(1e-6) - value(-1e-6)) / 2e-6
        assert float(slope.detach()) == pytest.approx(float(difference.detach()), rel=1e-4)
