"""Values of all subsets of concepts, against their definitions by brute force."""

from itertools import permutations

import pytest
import torch

from sparks.concepts import coalitions
from sparks.errors import SparksError
from sparks.metrics import Deletion, Insertion
from sparks.protocols import Explanation

K = 4
VALUES = torch.randn(3, 2**K, generator=torch.Generator().manual_seed(0)).double()


def chains(order):
    """The subsets from the empty one to the whole, in the order in which concepts are added."""
    return [sum(2**c for c in order[:n]) for n in range(K + 1)]


def test_shapley_values_are_means_of_what_a_concept_adds_over_all_orders():
    adds = torch.zeros(3, K).double()
    for order in permutations(range(K)):
        steps = VALUES[:, chains(order)].diff(dim=1)
        adds[:, list(order)] += steps / 24
    assert torch.allclose(coalitions.shapley(VALUES), adds)


def test_no_order_beats_the_best_areas_and_one_reaches_them():
    areas = torch.stack(
        [torch.trapezoid(VALUES[:, chains(order)], dx=1 / K) for order in permutations(range(K))]
    )
    least, largest = coalitions.best_areas(VALUES)
    assert torch.allclose(least, areas.amin(0))
    assert torch.allclose(largest, areas.amax(0))


def test_where_concepts_add_up_every_method_is_in_closed_form():
    gave = torch.tensor([[3.0, -1.0, 0.5, 0.0]]).double()
    values = coalitions.members(K).double() @ gave[0] + 7
    values = values[None]
    assert torch.allclose(coalitions.shapley(values), gave)
    assert torch.allclose(coalitions.total_sobol(values), gave**2 / gave.square().sum())
    spread = coalitions.rise(values) - values.mean()
    assert torch.allclose(spread, gave / 2)
    least, largest = coalitions.best_areas(values)
    falling, rising = (
        gave[0].sort().values.cumsum(0),
        gave[0].sort(descending=True).values.cumsum(0),
    )
    ends = torch.zeros(1).double()
    assert float(least) == pytest.approx(7 + float(torch.trapezoid(torch.cat([ends, falling])) / K))
    assert float(largest) == pytest.approx(
        7 + float(torch.trapezoid(torch.cat([ends, rising])) / K)
    )


@pytest.mark.parametrize("name", ["layer", "early"])
def test_values_are_logits_with_the_other_concepts_at_zero(name, craft, images, request):
    concepts = craft.fit(request.getfixturevalue(name), images)
    u = concepts.coefficients(images[:2])
    values = coalitions.values_of_subsets(concepts, u, 1)
    inside = coalitions.members(concepts.k)
    with torch.no_grad():
        for subset in (0, 5, 10, 15):
            logits = concepts.head(u * inside[subset][:, None])[:, 1]
            assert torch.allclose(values[:, subset], logits.double(), atol=1e-4)


def test_areas_are_those_of_the_metrics(concepts, images):
    u = concepts.coefficients(images[:2])
    target = torch.tensor([1, 1])
    values = coalitions.values_of_subsets(concepts, u, 1)
    found = coalitions.best_areas(values)
    # The logit is affine at the last layer: the order of the Shapley values is the best one.
    scored = Explanation(concepts.head, u, target, coalitions.shapley(values))
    for kind, best in zip((Deletion, Insertion), found, strict=True):
        area = next(iter(kind(steps=concepts.k, output="logit")(scored).values()))
        assert torch.allclose(area.double(), best, atol=1e-4)


def test_more_concepts_than_can_be_enumerated_are_refused(concepts, images):
    many = concepts.reordered(torch.arange(4).repeat(4))
    with pytest.raises(SparksError, match=r"16 concepts have 2\^16 subsets"):
        coalitions.values_of_subsets(many, torch.rand(1, 16, 16), 0)
