"""Circuits in networks whose circuits are known; edges against derivatives and ablations."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from sparks.concepts import CrossLayerAttribution
from sparks.concepts.circuits import ablated, activations, concept_score, mean_activations
from sparks.errors import SparksError
from sparks.models import seeded

LAYERS = ("1", "3", "5")


def network(bias=True):
    with seeded(2):
        sizes = (3, 6, 7, 5)
        layers = []
        for before, after in pairwise(sizes):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=bias), nn.ReLU()]
        pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2))
        return nn.Sequential(*layers, *pool).eval()


X = torch.rand(9, 3, 8, 8, generator=torch.Generator().manual_seed(0))
V = torch.tensor([1.0, -0.5, 0.0, 2.0, 0.3])


def node_attributions(model, layer):
    outputs = activations(model, [layer, "5"], X, grad=True)
    score = concept_score(outputs["5"], V).sum()
    (grad,) = torch.autograd.grad(score, outputs[layer])
    return (outputs[layer] * grad).sum((0, 2, 3)) / len(X)


@pytest.mark.parametrize("batch", [4, 64])
def test_edges_to_all_channels_sum_to_the_attribution_of_a_channel(batch):
    model = network()
    found = CrossLayerAttribution(layers=LAYERS, size=99, batch_size=batch)(model, X, V)
    assert all(units.all() for units in found.units.values())
    for layer in LAYERS:
        expected = node_attributions(model, layer)
        torch.testing.assert_close(found.scores[layer], expected, atol=1e-5, rtol=1e-4)


def test_without_biases_every_layer_has_all_of_the_score():
    """ReLU networks without biases are homogeneous: attributions of a layer sum to the score."""
    model = network(bias=False)
    found = CrossLayerAttribution(layers=LAYERS, size=99)(model, X, V)
    score = concept_score(activations(model, ["5"], X)["5"], V).mean()
    for scores in found.scores.values():
        torch.testing.assert_close(scores.sum(), score, atol=1e-5, rtol=1e-4)


def test_a_chain_of_channels_is_found_and_serves_the_concept_alone():
    """Only channels 1, 4 and 2 of the layers lead to the concept, by their weights."""
    model = network()
    chain = {"1": 1, "3": 4, "5": 2}
    with torch.no_grad():
        model[0].weight[1].abs_()  # what the chain begins with is active
        for layer, before in (("2", 1), ("4", 4)):
            unit = {"2": 4, "4": 2}[layer]
            weight = model[int(layer)].weight
            weight[unit] = 0
            weight[unit, before, 1, 1] = 1
            model[int(layer)].bias[unit] = 0.1
    v = torch.eye(5)[2]
    found = CrossLayerAttribution(layers=LAYERS, size=1)(model, X, v)
    assert {layer: int(units.nonzero()) for layer, units in found.units.items()} == chain
    means = mean_activations(model, LAYERS, X, batch_size=4)

    def score(removed):
        with ablated(model, removed, means):
            return concept_score(activations(model, ["5"], X)["5"], v)

    whole = score({})
    torch.testing.assert_close(score(found.others), whole)
    assert score(found.units).std() < 1e-6
    assert whole.std() > 1e-3
    assert not any(module._forward_hooks for module in model.modules())


def test_random_circuits_have_as_many_channels():
    found = CrossLayerAttribution(layers=LAYERS, size=3)(network(), X, V)
    drawn = [found.shuffled(torch.Generator().manual_seed(seed)) for seed in range(5)]
    for units in drawn:
        assert [int(one.sum()) for one in units.values()] == [3, 3, 3]
    assert len({tuple(units["3"].tolist()) for units in drawn}) > 1


def test_what_has_no_circuit_is_refused():
    with pytest.raises(SparksError, match="no feature maps"):
        CrossLayerAttribution(layers=("1", "7"), size=1)(network(), X, V)
    with pytest.raises(SparksError, match="layer 'nine' does not exist"):
        CrossLayerAttribution(layers=("nine", "5"), size=1)(network(), X, V)
    with pytest.raises(SparksError, match="no list of names"):
        CrossLayerAttribution(layers="5", size=1)
