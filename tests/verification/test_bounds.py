"""Bounds are sound, tight where they can be, shared without loss, and refuse what they cannot."""

import itertools
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sparks.errors import SparksError
from sparks.models import MLP, Classifier, ConvNet
from sparks.verification import Balls, Boxes, Network, bound_outputs, bounds, read
from sparks.verification.layers import Average, Clip, Dense, MaxPool, ReLU
from sparks.verification.memory import memory
from sparks.verification.relaxation import clip_lines, relu_lines

from .nets import KINDS, METHODS, attacked, boxes, drawn, inside, network, true_range

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
    least, most = attacked(model, lower, upper)
    for method in METHODS:
        low, high = (b.detach() for b in bounds(model, lower, upper, method))
        assert (low <= outputs.amin(0)).all()
        assert (high >= outputs.amax(0)).all()
        assert (low <= least).all()
        assert (high >= most).all()
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
    torch.testing.assert_close(read(model, x[:2])(x), model(x))


@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_transposed_and_made_absolute(kind):
    x = torch.zeros(1, 2, 6, 6, dtype=torch.float64)
    values = [x]
    generator = torch.Generator().manual_seed(0)
    steps = read(network(kind, 5), torch.rand(2, 2, 6, 6)).steps
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


@pytest.mark.parametrize("seed", range(1, 5))
def test_bounds_hold_the_true_range_found_by_all_relu_patterns(seed):
    weights, biases, model = dense(seed)
    generator = torch.Generator().manual_seed(seed + 10)
    centre = torch.rand(2, generator=generator, dtype=torch.float64)
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


def passes(network):
    """The network up to each step that lines are made from, and up to its end."""
    wanted = {s.inputs[0] for s in network.steps[1:] if isinstance(s.layer, ReLU | Clip | MaxPool)}
    return [Network(network.steps[: at + 1]) for at in sorted(wanted | {len(network.steps) - 1})]


@pytest.mark.parametrize("seed", [*range(8), 100011, 200003])
@pytest.mark.parametrize("shared", [None, True, False])
def test_joined_engines_are_nowhere_looser_than_one_of_them(seed, shared):
    """At every hidden unit and every output."""
    model, (lower, upper) = drawn(seed), boxes(4, [0.05, 0.2, 0.6][seed % 3], seed)
    region = Boxes.between(lower, upper)
    if shared is not None:  # the first contains the others
        radius = region.radius / region.radius.amax(0)[None].clamp(min=1e-9) * 0.2
        region = Boxes(region.centre[:1], torch.cat([radius.amax(0)[None], radius]))
    with torch.no_grad():
        for part in passes(read(model, region.draw(2))):
            how = (shared is not None, bool(shared))
            found = {m: bound_outputs(part, region, m, *how) for m in METHODS}
            for joined in ("ibp+forward+backward", "ibp+forward"):
                low, high = found[joined]
                for one in set(joined.split("+")) & set(METHODS):
                    most = float(found[one][1].abs().max())
                    assert (low >= found[one][0] - FLOAT * most).all()
                    assert (high <= found[one][1] + FLOAT * most).all()


def test_joined_engines_are_tighter_than_the_best_of_them():
    model, (lower, upper) = network("residual", 2), boxes(4, 0.05, 2)
    found = {m: [b.detach() for b in bounds(model, lower, upper, m)] for m in METHODS}
    widths = {m: float((b - a).mean()) for m, (a, b) in found.items()}
    best = torch.stack([found[m][1] - found[m][0] for m in ("ibp", "forward", "backward")]).amin(0)
    assert widths["ibp+forward+backward"] < float(best.mean())
    assert widths["backward"] < widths["ibp"]


@pytest.mark.parametrize(("least", "most"), [(0.0, 6.0), (-1.0, 1.0), (0.5, 0.75), (-3.0, -1.0)])
def test_lines_of_clipping_hold_and_are_no_looser_than_those_of_two_relus(least, most):
    generator = torch.Generator().manual_seed(0)
    ends = torch.randn(4000, 2, 1, generator=generator, dtype=torch.float64) * 6
    ends[0], ends[1], ends[2] = least, most, torch.tensor([[least], [most]])  # where cases meet
    low, high = ends.amin(1), ends.amax(1)
    lines = clip_lines(Clip(least, most), low, high)
    x = torch.lerp(low, high, torch.linspace(0, 1, 101, dtype=torch.float64))
    value = x.clamp(least, most)
    below, above = lines.below * x + lines.base, lines.above * x + lines.offset
    assert (below <= value + FLOAT).all()
    assert (value <= above + FLOAT).all()
    two = least + (x - least).relu() - (x - most).relu()
    torch.testing.assert_close(two, value)
    one, other = relu_lines(low - least, high - least), relu_lines(low - most, high - most)
    above_ = least + one.above * (x - least) + one.offset - other.below * (x - most)
    below_ = least + one.below * (x - least) - other.above * (x - most) - other.offset
    assert ((above - below).mean(1) <= (above_ - below_).mean(1) + 1e-9).all()
    assert ((above - below).mean(1) < (above_ - below_).mean(1) - 0.1).any()
    # Where no border is inside, nothing is lost.
    sure = (high <= least) | (low >= most) | ((low >= least) & (high <= most))
    assert 100 < int(sure.sum()) < 3900
    torch.testing.assert_close(above[sure[:, 0]], below[sure[:, 0]])


def mobile():
    """As MobileNetV2 and EfficientNet-Lite: inverted residual blocks, depthwise, with ReLU6."""

    class Inverted(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    def block(channels, out, stride):
        wide = 3 * channels
        layers = [
            nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide),
            nn.ReLU6(), nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out),
        ]  # fmt: skip
        return Inverted(*layers) if stride == 1 and channels == out else nn.Sequential(*layers)

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU6(), block(4, 4, 1), block(4, 6, 2),
        block(6, 6, 1), nn.Conv2d(6, 12, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(), nn.Linear(12, 4),
    )  # fmt: skip
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_var, 0.02, 0.2)
            nn.init.uniform_(layer.weight, 2, 5)  # so that some units are above 6
    return model.double().eval()


@pytest.mark.parametrize("radius", [0.002, 0.1])
def test_a_mobile_network_is_bounded(radius):
    model, (lower, upper) = mobile(), boxes(2, radius, 3)
    points = inside(lower, upper, 400, 3)
    clipped = []
    for layer in model.modules():
        if isinstance(layer, nn.ReLU6):
            layer.register_forward_pre_hook(lambda _, x: clipped.append(float((x[0] > 6).sum())))
    with torch.no_grad():
        outputs = model(points.flatten(0, 1)).unflatten(0, points.shape[:2])
    assert sum(clipped) > 1000
    model = mobile()
    least, most = attacked(model, lower, upper)
    widths = {}
    for method in METHODS:
        with torch.no_grad():
            low, high = bounds(model, lower, upper, method)
        assert (low <= torch.minimum(outputs.amin(0), least)).all()
        assert (high >= torch.maximum(outputs.amax(0), most)).all()
        widths[method] = float((high - low).mean())
    assert widths["ibp+forward+backward"] <= min(widths.values())
    if radius < 0.01:
        assert widths["backward"] < 0.5 * widths["ibp"]


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_two_affine_layers_in_a_row_are_bounded_as_their_product(method):
    """A box behind one affine layer is not the set of its values: a second must not start there."""
    torch.manual_seed(0)
    one, two = nn.Linear(3, 5).double(), nn.Linear(5, 2).double()
    x = torch.rand(2, 3, dtype=torch.float64)
    with torch.no_grad():
        low, high = bounds(nn.Sequential(one, two), x - 0.1, x + 0.1, method)
        reach = 0.1 * (two.weight @ one.weight).abs().sum(1)
        torch.testing.assert_close(high, two(one(x)) + reach)
        torch.testing.assert_close(low, two(one(x)) - reach)


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
            network_ = read(model, region.draw(2))
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


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_sets_are_bounded_a_part_at_a_time_where_memory_is_short(method, nested, monkeypatch):
    model, (lower, upper) = network("pool", 8), boxes(5, 0.1, 8)
    region = Boxes.between(lower, upper)
    if nested:
        region = Boxes(
            region.centre[:1], region.radius[:1] * torch.linspace(1, 0, 5).view(-1, 1, 1, 1)
        )
    read_ = read(model, region.draw(2))
    together = bound_outputs(read_, region, method, nested, nested)
    monkeypatch.setattr("sparks.verification.crown.MEMORY", 1)
    least = memory(read_, 1 + nested, method, nested)
    monkeypatch.setattr("sparks.verification.memory.MEMORY", least)
    alone = bound_outputs(read_, region, method, nested, nested)
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b)
    monkeypatch.setattr("sparks.verification.memory.MEMORY", 1)
    monkeypatch.setattr("sparks.verification.memory.free_memory", lambda device: 2 * least)
    bound_outputs(read_, region, method, nested, nested)
    monkeypatch.setattr("sparks.verification.memory.free_memory", lambda device: 2 * least - 1)
    message = r"bounds '.*' of this network \(72 inputs.*GiB.*half of the free memory of cpu"
    with pytest.raises(SparksError, match=message):
        bound_outputs(read_, region, method, nested, nested)


def allocated(work):
    """Bytes that PyTorch allocates at most while some work is done, by its own profiler."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as seen:
        work()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    return max(itertools.accumulate(event.nbytes() for event in events))


def head(channels, classes, *hidden):
    """What is behind the last layer with maps in most networks, and the shape of these maps."""
    sizes = [channels, *hidden]
    between = [m for pair in pairwise(sizes) for m in (nn.Linear(*pair), nn.ReLU())]
    layers = nn.AdaptiveAvgPool2d(1), nn.Flatten(), *between, nn.Linear(sizes[-1], classes)
    return nn.Sequential(*layers), (channels, 7, 7)


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (MLP(1, 10, 16, (300, 100)), (1, 16, 16)),
        (ConvNet(1, 4, 8, (4,)), (1, 8, 8)),
        (nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                       nn.Linear(72, 4)), (3, 8, 8)),
        head(256, 100),
        head(128, 10, 32),
    ],
    ids=["dense", "residual", "pool", "affine head", "head"],
)  # fmt: skip
def test_the_estimate_of_memory_is_the_peak_or_somewhat_more(net, shape):
    x = torch.rand(1, *shape, dtype=torch.float64)
    region = Boxes(x, 0.1 * torch.rand(8, *shape, dtype=torch.float64))
    region.radius[0] = 0.1
    read_ = read(net.eval(), x)
    with torch.no_grad():
        for method, shared in (
            ("ibp", False), ("forward", False), ("forward", True), ("backward", False),
            ("ibp+backward", True), ("ibp+forward+backward", True),
        ):  # fmt: skip
            peak = allocated(lambda: bound_outputs(read_, region, method, shared, shared))  # noqa: B023
            estimate = memory(read_, 8, method, shared)
            assert peak <= 1.02 * estimate, (method, shared)
            assert estimate <= 3.5 * peak, (method, shared)


@pytest.mark.parametrize("method", METHODS)
def test_the_affine_head_of_a_real_network_is_bounded_exactly_and_in_little_memory(method):
    """62,720 inputs, as behind the last maps of EfficientNet-Lite0: d x d numbers are 31 GB."""
    net, shape = head(1280, 10)
    x = torch.rand(1, *shape, dtype=torch.float64)
    region = Boxes(x, 0.1 * torch.rand(3, *shape, dtype=torch.float64))
    weight = net[-1].weight.double()
    with torch.no_grad():
        read_ = read(net, x)
        found = []
        peak = allocated(lambda: found.extend(bound_outputs(read_, region, method)))
        centre = region.centre.mean((2, 3)) @ weight.T + net[-1].bias
        reach = region.radius.mean((2, 3)) @ weight.T.abs()
    assert peak < 2**26
    torch.testing.assert_close(found[0], centre - reach, rtol=0, atol=1e-11)
    torch.testing.assert_close(found[1], centre + reach, rtol=0, atol=1e-11)


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
        (Strange(), r"sigmoid in 1 \(Strange\)"),
        (Product(), r"mul in 1 \(Product\)"),
    ],
)
def test_a_layer_without_a_rule_is_refused_by_name_and_the_hybrid_offered(layer, name):
    model = Classifier(nn.Sequential(nn.ReLU(), layer, nn.Flatten(), nn.Linear(72, 4)), 2)
    with pytest.raises(SparksError, match=f"layer {name} has no rule.*hybrid.*layer="):
        read(model, torch.rand(2, 2, 6, 6))


def test_bad_boxes_and_methods_are_refused():
    model, (lower, upper) = network("dense", 0), boxes(2, 0.1, 0)
    with pytest.raises(SparksError, match="lower ≤ upper"):
        bounds(model, upper + 1, lower)
    with pytest.raises(SparksError, match="not empty"):
        bounds(model, lower[:0], upper[:0])
    with pytest.raises(SparksError, match="finite"):
        bounds(model, lower, upper + torch.inf)
    with pytest.raises(SparksError, match="'crown' is no engine; join any of ibp"):
        bounds(model, lower, upper, "ibp+crown")
    next(model.parameters()).data[0, 0] = torch.nan
    with pytest.raises(SparksError, match="not a number"):
        bounds(model, lower, upper)


def test_batch_norm_becomes_part_of_the_layer_before_it():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 2)).eval()
    assert [type(s.layer) for s in read(model, torch.rand(2, 3)).steps[1:]] == [Dense, Dense]


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
