"""Bounds are sound, tight where they can be, shared without loss, and refuse what they cannot."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sparks.errors import SparksError
from sparks.models import Classifier
from sparks.verification import Balls, Boxes, bound_outputs, bounds, read
from sparks.verification.layers import Average, Dense

from .nets import KINDS, METHODS, attacked, boxes, inside, network, true_range

FLOAT = 1e-12  # of evaluating these networks in float64


@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**20),
    radius=st.sampled_from([0.0, 0.01, 0.1, 0.5]),
)
def test_no_sampled_or_attacked_output_leaves_its_bounds(kind, seed, radius):
    model, (lower, upper) = network(kind, seed), boxes(3, radius, seed)
    points = inside(lower, upper, 400, seed)
    with torch.no_grad():
        outputs = model(points.flatten(0, 1)).unflatten(0, points.shape[:2])
    least = [attacked(model, lower, upper, -1, k) for k in range(4)]
    most = [attacked(model, lower, upper, 1, k) for k in range(4)]
    for method in METHODS:
        low, high = (b.detach() for b in bounds(model, lower, upper, method))
        assert (low <= outputs.amin(0)).all()
        assert (high >= outputs.amax(0)).all()
        assert (low <= torch.stack(least, 1)).all()
        assert (high >= torch.stack(most, 1)).all()
        if radius == 0:
            torch.testing.assert_close(low, outputs[0], atol=1e-9, rtol=0)
            torch.testing.assert_close(high, outputs[0], atol=1e-9, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_rounding_in_float32_is_allowed_for(kind):
    model = network(kind, 1).float()
    lower, upper = (side.float() for side in boxes(3, 1e-6, 1))
    points = inside(lower, upper, 1000, 1)
    with torch.no_grad():
        outputs = model(points.flatten(0, 1)).unflatten(0, points.shape[:2])
        for method in METHODS:
            low, high = bounds(model, lower, upper, method)
            assert ((low <= outputs) & (outputs <= high)).all()
            assert (high - low).amax() < 1e-2  # and the allowance is no excuse for anything


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_that_is_read_is_the_network(kind):
    model = network(kind, 3)
    x, _ = boxes(5, 0.1, 3)
    torch.testing.assert_close(read(model, (2, 6, 6))(x), model(x))


@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_transposed_and_made_absolute(kind):
    x = torch.zeros(1, 2, 6, 6, dtype=torch.float64)
    values = [x]
    generator = torch.Generator().manual_seed(0)
    steps = read(network(kind, 5), (2, 6, 6)).steps
    for step in steps[1:]:
        values.append(step.layer(*(values[i] for i in step.inputs)))
        if not hasattr(step.layer, "transpose"):
            continue
        shape = steps[step.inputs[0]].shape
        a = torch.randn(1, *shape, generator=generator, dtype=torch.float64)
        b = torch.randn(1, *step.shape, generator=generator, dtype=torch.float64)
        back = step.layer.transpose(b, shape)
        torch.testing.assert_close((step.layer.linear(a) * b).sum(), (a * back).sum())
        if not isinstance(step.layer, Average):
            n = a.numel()
            columns = torch.eye(n, dtype=torch.float64).view(n, *shape)
            matrix = step.layer.linear(columns).flatten(1)
            wanted = a.flatten() @ matrix.abs()
            torch.testing.assert_close(step.layer.absolute(a).flatten(), wanted)


def dense(seed, sizes=(2, 4, 3, 1)):
    generator = torch.Generator().manual_seed(seed)
    weights = [
        torch.randn(o, i, generator=generator, dtype=torch.float64) for i, o in pairwise(sizes)
    ]
    biases = [0.3 * torch.randn(o, generator=generator, dtype=torch.float64) for o in sizes[1:]]
    layers = []
    for w, b in zip(weights, biases, strict=True):
        layer = nn.Linear(*reversed(w.shape)).double()
        layer.weight.data, layer.bias.data = w, b
        layers += [layer, nn.ReLU()]
    return weights, biases, nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("seed", range(4))
def test_bounds_hold_the_true_range_found_by_all_relu_patterns(seed):
    weights, biases, model = dense(seed)
    centre = torch.rand(2, dtype=torch.float64)
    widths = {}
    for radius in (0.5, 1e-4):
        lower, upper = centre - radius, centre + radius
        true = true_range(weights, biases, lower, upper)
        for method in METHODS:
            with torch.no_grad():
                low, high = (float(b) for b in bounds(model, lower[None], upper[None], method))
            assert low <= true[0] + 1e-7  # of the linear program
            assert high >= true[1] - 1e-7
            widths[method] = (high - low) / float(true[1] - true[0])
    # In a small box hardly any ReLU is crossed: forms are exact there, boxes are not.
    assert widths["backward"] == pytest.approx(1, abs=1e-3)
    assert widths["forward"] == pytest.approx(1, abs=1e-3)


def test_a_single_relu_has_its_known_bounds():
    # y = relu(x1 + x2) - relu(x1 - x2) on [-1, 1]²: by hand, the chord is (z + 2) / 2.
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    model = model.double()
    model[0].weight.data = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    model[2].weight.data = torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    one = torch.ones(1, 2, dtype=torch.float64)
    for method, known in (("ibp", 2.0), ("forward", 2.0), ("backward", 2.0)):
        low, high = (b.detach() for b in bounds(model, -one, one, method))
        assert float(high) == pytest.approx(known)
        assert float(low) == pytest.approx(-known)
    _, high = (b.detach() for b in bounds(model, -one, 2 * one, "backward"))
    # z1 in [-2, 4]: above by (2 z1 + 4) / 3; z2 in [-3, 3]: below by 0. Largest at x1 = x2 = 2.
    assert float(high) == pytest.approx(4.0)


def test_joined_engines_are_at_least_as_tight_as_each():
    model, (lower, upper) = network("residual", 2), boxes(4, 0.05, 2)
    found = {m: [b.detach() for b in bounds(model, lower, upper, m)] for m in METHODS}
    low, high = found["ibp+forward+backward"]
    # ReLU lines may flip with tighter inputs; boxes cannot.
    assert (high <= found["ibp"][1] + FLOAT).all()
    assert (low >= found["ibp"][0] - FLOAT).all()
    widths = {m: float((b - a).mean()) for m, (a, b) in found.items()}
    assert widths["ibp+forward+backward"] <= min(widths.values()) + 1e-9
    assert widths["backward"] < widths["ibp"]


@pytest.mark.parametrize("ball", ["boxes", "balls"])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_smaller_set_is_never_bounded_more_loosely(kind, shared, ball):
    model = network(kind, 4)
    generator = torch.Generator().manual_seed(4)
    centre = torch.rand(1, 2, 6, 6, generator=generator, dtype=torch.float64)
    free = (torch.rand(6, 2, 6, 6, generator=generator) > 0.3).double()
    free[0] = 1
    region = Boxes(centre, 0.2 * free) if ball == "boxes" else Balls(centre, 0.8, free)
    away = torch.randn(200, *free.shape, generator=generator, dtype=torch.float64) * free
    size = away.flatten(2).norm(dim=2)[..., None, None, None]
    delta = 0.2 * away.clamp(-1, 1) if ball == "boxes" else 0.8 * away / size
    with torch.no_grad():
        outputs = model((centre + delta).flatten(0, 1)).unflatten(0, (200, 6))
        for method in METHODS:
            network_ = read(model, (2, 6, 6))
            low, high = bound_outputs(network_, region, method, nested=True, shared=shared)
            assert (high <= high[:1]).all()
            assert (low >= low[:1]).all()
            assert (low <= outputs.amin(0)).all()
            assert (high >= outputs.amax(0)).all()
            if ball == "boxes" and not shared:  # each by itself is the same set
                alone = bounds(model, centre - 0.2 * free, centre + 0.2 * free, method)
                assert (high <= alone[1] + 1e-9).all()


def test_specifications_bound_differences_more_tightly_than_bounds_do():
    model, (lower, upper) = network("conv", 6), boxes(3, 0.1, 6)
    rows = torch.eye(4, dtype=torch.float64)[1:] - torch.eye(4, dtype=torch.float64)[:1]
    for method in METHODS:
        low, high = bounds(model, lower, upper)
        _, margin = bounds(model, lower, upper, method, rows)
        whole = bounds(model, lower, upper, method)
        assert margin.shape == (3, 3)
        assert (margin <= whole[1][:, 1:] - whole[0][:, :1] + 1e-9).all()
        assert (margin >= (low[:, 1:] - high[:, :1]) - 1e-9).all()
    with pytest.raises(SparksError, match="specifications of shape"):
        bounds(model, lower, upper, "ibp", rows[:, :3])


@pytest.mark.parametrize("method", METHODS)
def test_bounds_are_differentiable(method):
    model, (lower, upper) = network("branches", 7), boxes(2, 0.1, 7)
    weight = next(model.parameters())

    def total(shift):
        return sum(b.sum() for b in bounds(model, lower, upper + 0.01 + shift, method))

    zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
    slope, slopes = torch.autograd.grad(total(zero), [zero, weight])
    step = 1e-6
    numeric = (total(zero + step) - total(zero - step)) / (2 * step)
    assert float(slope) == pytest.approx(float(numeric.detach()), rel=1e-3)
    with torch.no_grad():
        weight.view(-1)[0] += step
        more = total(zero)
        weight.view(-1)[0] -= 2 * step
        less = total(zero)
    assert float(slopes.flatten()[0]) == pytest.approx(
        float((more - less).detach() / (2 * step)), rel=1e-3
    )


def test_many_boxes_are_bounded_as_each_alone(monkeypatch):
    model, (lower, upper) = network("pool", 8), boxes(5, 0.1, 8)
    together = bounds(model, lower, upper)
    monkeypatch.setattr("sparks.verification.bounding.MEMORY", 1)
    monkeypatch.setattr("sparks.verification.crown.MEMORY", 1)
    alone = bounds(model, lower, upper)
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b)


class Strange(nn.Module):
    def forward(self, x):
        return torch.sigmoid(x)


class Product(nn.Module):
    def forward(self, x):
        return x * x


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (nn.GELU(), r"1 \(GELU\)"),
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), r"1 \(Conv2d\)"),
        (nn.BatchNorm2d(2, track_running_stats=False), r"1 \(BatchNorm2d\)"),
        (Strange(), "sigmoid"),
        (Product(), "mul"),
    ],
)
def test_a_layer_without_a_rule_is_refused_by_name_and_the_hybrid_offered(layer, name):
    model = Classifier(nn.Sequential(nn.ReLU(), layer, nn.Flatten(), nn.Linear(72, 4)), 2)
    with pytest.raises(SparksError, match=f"layer {name} has no rule.*hybrid.*layer="):
        read(model, (2, 6, 6))


def test_bad_boxes_and_methods_are_refused():
    model, (lower, upper) = network("dense", 0), boxes(2, 0.1, 0)
    with pytest.raises(SparksError, match="lower ≤ upper"):
        bounds(model, upper + 1, lower)
    with pytest.raises(SparksError, match="finite"):
        bounds(model, lower, upper + torch.inf)
    with pytest.raises(SparksError, match="'crown' is no engine; join any of ibp"):
        bounds(model, lower, upper, "ibp+crown")
    next(model.parameters()).data[0, 0] = torch.nan
    with pytest.raises(SparksError, match="not a number"):
        bounds(model, lower, upper)


def test_batch_norm_becomes_part_of_the_layer_before_it():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 2)).eval()
    assert [type(s.layer) for s in read(model, (3,)).steps[1:]] == [Dense, Dense]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("method", "theirs", "sizes"),
    # With more hidden layers, its CROWN takes interval bounds of units that these show to be on one
    # side of 0, and is tighter in some places.
    [("ibp", "IBP", (3, 6, 5, 4, 2)), ("backward", "CROWN", (3, 5, 2))],
)
def test_an_older_library_finds_the_same_bounds(seed, method, theirs, sizes):
    lirpa = pytest.importorskip(
        "auto_LiRPA", reason="auto_LiRPA's release does not import with the locked NumPy and torch"
    )
    _, _, model = dense(seed, sizes)
    generator = torch.Generator().manual_seed(seed)
    centre, radius = torch.rand(2, 3, generator=generator, dtype=torch.float64), 0.2
    bounded = lirpa.BoundedModule(model, centre)
    ball = lirpa.PerturbationLpNorm(norm=torch.inf, eps=radius)
    other = bounded.compute_bounds(x=(lirpa.BoundedTensor(centre, ball),), method=theirs)
    ours = bounds(model, centre - radius, centre + radius, method)
    for a, b in zip(ours, other, strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9)
