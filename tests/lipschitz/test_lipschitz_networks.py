"""1-Lipschitz networks: the bound holds, the certificate stands, the export is the network."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from sparks.attribution import GradCAM
from sparks.engine.outputs import adversarial_margin
from sparks.errors import SparksError
from sparks.lipschitz import (
    body_bound,
    certified_radius,
    counterfactuals,
    gradient_norms,
    largest_gradient,
    layer_norms,
    plain,
    smallest_perturbation,
)
from sparks.lipschitz.counterfactual import one_step_error
from sparks.models import seeded
from sparks.models.lipschitz import GroupSort2, LipschitzConvNet, LipschitzMLP

EVERY = [("conv", True), ("conv", False), ("dense", True), ("dense", False)]


@pytest.mark.parametrize("which", EVERY)
def test_the_export_has_plain_layers_and_identical_outputs(networks, images, which):
    model = networks[which]
    exported = plain(model)
    assert torch.equal(exported(images), model(images))
    layers = {type(m).__name__ for m in exported.modules() if not list(m.children())}
    assert layers <= {
        "Conv2d",
        "Linear",
        "BatchNorm2d",
        "ReLU",
        "GroupSort2",
        "Flatten",
        "PixelUnshuffle",
    }
    assert not exported.training
    same = plain(exported)
    assert torch.equal(same(images), model(images))


def test_sorting_pairs_is_torchlips():
    import deel.torchlip as lip

    for shape in [(3, 8), (2, 4, 5, 5)]:
        x = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
        assert torch.equal(GroupSort2()(x), lip.GroupSort2()(x))


@pytest.mark.parametrize("which", EVERY)
def test_no_pair_of_inputs_stretches_more_than_the_bound(networks, images, which):
    model = plain(networks[which]).double()
    norms = layer_norms(networks[which], (1, 8, 8))
    bound = math.prod(norms.values())
    x = images.double()
    generator = torch.Generator().manual_seed(0)
    for size in (1e-3, 0.1, 3.0):
        other = x + size * torch.randn(x.shape, generator=generator, dtype=torch.float64)
        stretch = (model(other) - model(x)).norm(dim=1) / (other - x).flatten(1).norm(dim=1)
        assert float(stretch.detach().max()) <= bound
    if which[1]:  # torchlip's projection keeps its promise, layer by layer
        assert all(norm <= 1 + 1e-4 for name, norm in norms.items() if not name.endswith("head"))
        rows = model.net.head.weight.norm(dim=1)
        torch.testing.assert_close(rows, torch.ones_like(rows), rtol=1e-5, atol=1e-5)
        steepest = largest_gradient(model, x, model(x).argmax(1), rounds=10)
        assert float(steepest.max()) <= body_bound(networks[which], (1, 8, 8))
    else:
        assert bound > 1.1


@pytest.mark.parametrize(
    ("size", "convolution"),
    [
        ((3, 6, 6), {"kernel_size": 3, "padding": 1}),
        ((2, 9, 8), {"kernel_size": 3, "stride": 2, "padding": 1}),
        ((2, 6, 6), {"kernel_size": 3, "padding": 1, "padding_mode": "circular"}),
        ((2, 6, 6), {"kernel_size": 3, "dilation": 2}),
        ((2, 6, 6), {"kernel_size": 3, "groups": 2}),
        ((3, 7, 6), {"kernel_size": 2, "stride": 2}),  # windows that do not overlap
        ((3, 5, 5), {"kernel_size": 1}),
        ((3, 5, 5), {"kernel_size": 2, "stride": 2, "padding": 1}),
    ],
)
def test_norms_of_convolutions_are_those_of_the_matrix_written_out(size, convolution, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    layer = nn.Conv2d(size[0], 4, bias=False, **convolution).double()
    layer.weight.data = torch.randn(layer.weight.shape, generator=generator).double()
    x = torch.randn(1, *size, generator=generator, dtype=torch.float64)
    matrix = torch.autograd.functional.jacobian(lambda v: layer(v).flatten(), x)
    wanted = np.linalg.svd(matrix.flatten(1).numpy(), compute_uv=False)[0]
    net = nn.Sequential(layer, nn.Flatten())
    assert layer_norms(net, size)["0"] == pytest.approx(wanted, rel=1e-9)
    monkeypatch.setattr("sparks.lipschitz.bound.DENSE", 0)  # by Lanczos, as for large layers
    assert layer_norms(net, size)["0"] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("size", "convolution", "over"),
    [
        ((3, 16, 12), {"kernel_size": 3, "padding": 1}, 1.03),
        ((2, 24, 24), {"kernel_size": (3, 5)}, 1.05),
        ((2, 16, 16), {"kernel_size": 3, "dilation": 2, "padding": 2}, 1.06),
        ((4, 12, 12), {"kernel_size": 3, "groups": 2, "padding": 1}, 1.05),
    ],
)
def test_norms_of_large_convolutions_are_bounded_closely(size, convolution, over, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    layer = nn.Conv2d(size[0], 4, bias=False, **convolution).double()
    layer.weight.data = torch.randn(layer.weight.shape, generator=generator).double()
    net = nn.Sequential(layer, nn.Flatten())
    exact = layer_norms(net, size)["0"]
    monkeypatch.setattr("sparks.lipschitz.bound.DENSE", 0)
    monkeypatch.setattr("sparks.lipschitz.bound.LARGE", 0)
    assert exact <= layer_norms(net, size)["0"] <= over * exact


def test_a_mean_over_neighbours_has_the_norm_of_a_constant_image(monkeypatch):
    """Without borders it keeps a constant, and shrinks all else."""
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    layer.weight.data.fill_(1 / 9)
    net = nn.Sequential(layer, nn.Flatten())
    assert layer_norms(net, (1, 20, 20))["0"] < 0.99
    monkeypatch.setattr("sparks.lipschitz.bound.DENSE", 0)
    monkeypatch.setattr("sparks.lipschitz.bound.LARGE", 0)
    assert layer_norms(net, (1, 20, 20))["0"] == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_norm_of_a_convolution_whose_singular_values_are_all_the_same(
    kernel, seed, monkeypatch
):
    """Lanczos iterations have nothing to go on there: ARPACK stops with an error."""
    monkeypatch.setattr("sparks.lipschitz.bound.DENSE", 0)
    generator = torch.Generator().manual_seed(seed)
    copies = torch.randn(32, generator=generator)
    layer = nn.Conv2d(1, 32, kernel, padding=kernel // 2, bias=False)
    layer.weight.data.zero_()[:, 0, kernel // 2, kernel // 2] = copies / copies.norm()
    wanted = float((copies / copies.norm()).double().norm())
    found = layer_norms(nn.Sequential(layer, nn.Flatten()), (1, 28, 28))["0"]
    assert found == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_a_step_that_turns_a_matrix_leaves_its_layer_1_lipschitz(seed):
    """Like Adam's first step at a rate of .01, which moves every number by as much."""
    with seeded(seed):
        layer = LipschitzMLP(6272, 2, (128,)).train().hidden[0][0]
        turned = 0.01 * torch.randn(128, 1).sign() * torch.randn(1, 6272).sign()
    with torch.no_grad():
        layer.parametrizations.weight.original += turned
        norms = torch.linalg.svdvals(layer.weight.double())
    assert float(norms.max()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("which", EVERY)
def test_no_attack_breaks_the_certificate(networks, images, which):
    x = images.double()
    model = plain(networks[which]).double()
    kept = model(x).argmax(1)
    radius = certified_radius(networks[which], x)
    margin = partial(adversarial_margin, target=kept)
    delta = smallest_perturbation(lambda z: -margin(model(z)), x, steps=40, restarts=2)
    found = delta.flatten(1).norm(dim=1)
    assert (model(x + delta).argmax(1) != kept).double().mean() > 0.9  # the attack does attack
    assert (radius > 0).all()
    assert (found >= radius).all()


def test_the_attack_finds_the_distance_to_a_plane():
    w = torch.tensor([3.0, 4.0], dtype=torch.float64)
    x = torch.tensor([[1.0, 1.0], [0.0, 1.0], [-9.0, 0.0]], dtype=torch.float64)
    delta = smallest_perturbation(lambda z: z @ w + 1, x, steps=30)
    wanted = ((x @ w + 1) / 5).clamp(min=0)
    torch.testing.assert_close(delta.norm(dim=1), wanted, rtol=1e-6, atol=1e-9)


def test_the_attack_finds_a_corner_between_two_planes():
    """Distance of the origin to the nearer of two planes, whose gradient at 0 points elsewhere."""

    def margin(z):
        return torch.minimum(2.0 - z[:, 0], 1.0 + 0.1 * z[:, 1])

    delta = smallest_perturbation(margin, torch.zeros(1, 2, dtype=torch.float64), steps=60)
    assert float(delta.norm()) == pytest.approx(2.0, rel=1e-3)


def test_the_binary_certificate_is_the_size_of_the_output():
    net = LipschitzMLP(2, 1, (8,)).eval()
    x = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    radius = certified_radius(net, x)
    value = plain(net).double()(x)[:, 0].abs()
    torch.testing.assert_close(radius, value.detach(), rtol=1e-4, atol=1e-6)


def test_a_step_ends_on_the_boundary_of_a_linear_function():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 1))
    net[1].weight.data = torch.tensor([[0.5, -0.5, 0.5, 0.5]])
    x = torch.randn(6, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    errors = one_step_error(net, x, torch.zeros(6, dtype=torch.int64))
    torch.testing.assert_close(errors["GradientNorm"], torch.ones(6))
    assert float(errors["BoundaryError"].max()) < 1e-4
    walked, rival = counterfactuals(net, x, [0.0, 1.0, 2.0], torch.ones(6, dtype=torch.int64))
    assert torch.equal(walked[0], x)
    value = net(walked.flatten(0, 1)).view(3, 6).detach()
    torch.testing.assert_close(value[1], torch.zeros(6), rtol=0, atol=1e-5)
    torch.testing.assert_close(value[2], -value[0], rtol=1e-4, atol=1e-5)
    assert not rival.any()


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_counterfactuals_do_not_depend_on_the_scale_of_the_function(images, scale):
    # An affine network of any slope: t = 1 ends on its boundary, t = 2 mirrors its logits.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    with torch.no_grad():
        net[1].weight *= scale
        net[1].bias *= scale
    kept = net(images).argmax(1)
    walked, rival = counterfactuals(net, images, [1.0, 2.0], kept)

    def gap(x):
        scores = net(x).detach()
        return (scores.gather(1, kept[:, None]) - scores.gather(1, rival[:, None]))[:, 0]

    assert float((gap(walked[0]) / gap(images)).abs().max()) < 1e-3
    torch.testing.assert_close(gap(walked[1]), -gap(images), rtol=1e-3, atol=0)
    # The shortest way there.
    normal = net[1].weight[kept] - net[1].weight[rival]
    shortest = gap(images) / normal.detach().norm(dim=1)
    torch.testing.assert_close((walked[0] - images).flatten(1).norm(dim=1), shortest)


def test_the_step_to_the_letter_depends_on_the_slope(images):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 1, bias=False))
    with torch.no_grad():
        net[1].weight.fill_(1 / 4)  # of norm 2: four times too long
    ones = torch.ones(len(images), dtype=torch.int64)
    walked, _ = counterfactuals(net, images, [1.0], ones, newton=False)
    torch.testing.assert_close(net(walked[0]), -3 * net(images))


def test_a_flat_function_is_not_moved_on(images):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    nn.init.zeros_(net[1].weight)
    walked, _ = counterfactuals(net, images, [3.0], torch.zeros(len(images), dtype=torch.int64))
    assert torch.equal(walked[0], images)


def test_counterfactuals_go_towards_the_second_class(networks, images):
    model = networks["conv", True]
    logits = model(images)
    kept = logits.argmax(1)
    walked, rival = counterfactuals(model, images, [0.5], kept)
    order = logits.argsort(1, descending=True)
    assert torch.equal(rival, order[:, 1])

    def gap(x):
        scores = model(x)
        return scores.gather(1, kept[:, None]) - scores.gather(1, rival[:, None])

    assert (gap(walked[0]) < gap(images)).all()


@pytest.mark.parametrize("constrained", [True, False])
def test_networks_split_explain_and_have_even_widths(networks, images, constrained):
    model = networks["conv", constrained]
    g, h = model.split("stages")
    assert torch.equal(h(g(images)), model(images))
    maps = GradCAM("stages")(model, images, torch.zeros(12, dtype=torch.int64))
    assert maps.shape == (12, 8, 8)
    assert gradient_norms(model, images, torch.zeros(12).long()).shape == (12,)
    with pytest.raises(SparksError, match="must be even"):
        LipschitzConvNet(1, 2, 8, (3, 4), constrained=constrained)
    with pytest.raises(SparksError, match="multiple of"):
        LipschitzConvNet(1, 2, 10, (4, 4), constrained=constrained)


@pytest.mark.parametrize(("kernel", "orthogonal"), [(1, True), (3, False)])
def test_convolutions_of_one_pixel_keep_the_norm_of_gradients(kernel, orthogonal):
    """By the singular values of each layer's Jacobian: 1 where windows do not overlap."""
    net = LipschitzConvNet(2, 3, 8, (4, 4), (8,), kernel=kernel).eval()
    wide = net.stages[1][0]  # as many channels in as out, stride 1
    halving = net.stages[1][2]
    for layer, kept in ((wide, orthogonal), (halving, True)):
        x = torch.zeros(1, 4, 4, 4)
        jacobian = torch.autograd.functional.jacobian(layer, x).flatten(0, 3).flatten(1)
        values = torch.linalg.svdvals(jacobian)
        assert values.max() <= 1 + 1e-3
        assert bool(values.min() > 0.99) is kept
    with pytest.raises(SparksError, match="must be odd"):
        LipschitzConvNet(2, 3, 8, (4, 4), kernel=2)


def test_baselines_have_the_same_widths(networks):
    """The constrained head and hidden layers have the baseline's shapes."""
    for kind in ("conv", "dense"):
        shapes = [
            [
                tuple(m.weight.shape)
                for m in plain(networks[kind, c]).modules()
                if isinstance(m, nn.Conv2d | nn.Linear)
            ]
            for c in (True, False)
        ]
        assert shapes[0] == shapes[1]


def test_an_unknown_layer_has_no_bound():
    with pytest.raises(SparksError, match="MaxPool2d"):
        layer_norms(nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2)), (1, 4, 4))
    with pytest.raises(SparksError, match="`head`"):
        certified_radius(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.zeros(1, 1, 2, 2))
