"""Attribution methods and metrics on concepts, and the identities at the last layer."""

from itertools import permutations

import pytest
import torch

from sparks.attribution import (
    HSIC,
    LIME,
    RISE,
    GradientInput,
    IntegratedGradients,
    KernelSHAP,
    Occlusion,
    Random,
    Saliency,
    SmoothGrad,
    Sobol,
    SquareGrad,
    VarGrad,
)
from sparks.concepts.tcav import everywhere, tcav
from sparks.errors import SparksError
from sparks.metrics import Deletion, Explanation, Insertion, MuFidelity

METHODS = [
    Saliency(),
    GradientInput(),
    IntegratedGradients(steps=10),
    SmoothGrad(samples=3),
    SquareGrad(samples=3),
    VarGrad(samples=3),
    Occlusion(),
    RISE(masks=200),
    LIME(samples=100),
    KernelSHAP(samples=50),
    Sobol(points=16),
    HSIC(masks=64),
    Random(),
]


@pytest.fixture(scope="module")
def late(concepts, images):
    """Coefficients (N, 4, 64), their class, and the contribution of each concept to the logit."""
    u = concepts.coefficients(images[:8])
    target = torch.arange(8) % 4
    weight = dict(concepts.layer.h.named_parameters())["net.head.weight"]
    gamma = concepts.dictionary.atoms @ weight.T  # (k, classes)
    return u, target, (u.mean(2) * gamma[:, target].T).detach()


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("where", ["late", "early"])
def test_every_method_explains_concepts_at_every_layer(method, where, craft, layer, early, images):
    cut = {"late": layer, "early": early}[where]
    concepts = craft.fit(cut, images)
    u = concepts.coefficients(images[:3])
    found = method(concepts.head, u, torch.tensor([0, 1, 2]))
    assert found.shape == (3, 4)
    assert torch.isfinite(found).all()


def test_identities_at_the_last_layer(concepts, late):
    u, target, contribution = late
    for method in (GradientInput(), IntegratedGradients(steps=20), Occlusion()):
        assert torch.allclose(method(concepts.head, u, target), contribution, atol=1e-5)
    shap = KernelSHAP(samples=50)(concepts.head, u, target)
    assert torch.allclose(shap, contribution, atol=1e-4)
    rise = RISE(masks=20000)(concepts.head, u, target)
    order = rise.argsort(1) == contribution.argsort(1)
    assert order.float().mean() > 0.9


def test_sobol_at_the_last_layer_knows_the_size_only(concepts, late):
    u, target, contribution = late
    total = Sobol(points=4096)(concepts.head, u, target)
    share = contribution**2 / (contribution**2).sum(1, keepdim=True)
    assert torch.allclose(total, share, atol=0.02)


def test_the_order_of_contributions_is_optimal(concepts, late):
    """Against every order of the four concepts."""
    u, target, contribution = late
    curves = {"logit": Deletion(steps=4, output="logit"), "in": Insertion(steps=4, output="logit")}
    best = {name: next(iter(m(Explanation(concepts.head, u, target, contribution)).values()))
            for name, m in curves.items()}  # fmt: skip
    for order in permutations(range(4)):
        ranks = everywhere(torch.tensor(order, dtype=torch.float32), len(u))
        deleted, inserted = (
            next(iter(m(Explanation(concepts.head, u, target, ranks)).values()))
            for m in curves.values()
        )
        assert (deleted >= best["logit"] - 1e-4).all()
        assert (inserted <= best["in"] + 1e-4).all()
    metric = MuFidelity(share=0.5, subsets=30, correlation="pearson")
    assert torch.allclose(
        metric(Explanation(concepts.head, u, target, contribution))["MuFidelity"],
        torch.ones(8),
        atol=1e-3,
    )


def test_deletion_removes_a_concept_at_all_places(concepts, late):
    u, target, contribution = late
    curve = Deletion(steps=4, output="logit").curves(concepts.head, u, target, contribution)
    first = contribution.argmax(1)
    without = u.clone()
    without[torch.arange(8), first] = 0
    with torch.no_grad():
        expected = concepts.head(without).gather(1, target[:, None])[:, 0]
    assert torch.allclose(curve[:, 1], expected, atol=1e-5)


def test_tcav_is_the_sign_and_mean_of_directional_derivatives_at_the_activation(
    craft, early, images
):
    concepts = craft.fit(early, images)
    target, atoms = torch.full((6,), 1), concepts.dictionary.atoms
    a = early.activations(images[:6])

    def along(points):
        step, slopes = 1e-3, []
        for atom in atoms:
            up, down = (early.logits(points + s * step * atom)[:, 1] for s in (1, -1))
            slopes.append((up - down) / (2 * step))
        return torch.stack(slopes)

    mean = tcav(early, atoms, a, target, "mean")
    exact = along(a).mean(1)
    assert torch.allclose(mean, exact, rtol=0.01, atol=5e-4)
    assert torch.equal(tcav(early, atoms, a, target), (along(a) > 0).float().mean(1))
    # The derivative at the reconstruction is another one.
    rebuilt = concepts.dictionary.decode(concepts.dictionary.encode(a))
    assert (mean - exact).abs().max() < 0.2 * (along(rebuilt).mean(1) - exact).abs().max()
    with pytest.raises(SparksError, match="kind 'cav'"):
        tcav(early, atoms, a, target, "cav")
