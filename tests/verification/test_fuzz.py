"""Random networks: no point that is drawn or attacked leaves its bounds, at any layer."""

import os

import pytest
import torch

from sparks.verification import Boxes, bound_outputs, bounds, read
from sparks.verification.layers import Affine

from .nets import METHODS, attacked, boxes, drawn, inside
from .test_bounds import passes

RADII = (0.01, 0.1, 0.4)
# Of the nightly run: boxes, and points in each.
MANY, POINTS = 4, 1000


def climbed(model, lower, upper):
    """Each output at its least and its most by gradient steps, (2, M, outputs)."""
    with torch.enable_grad():
        return torch.stack(attacked(model, lower, upper))


def violations(model, lower, upper, points, seed, methods=METHODS):
    """How many values of points and attacks, of all methods, lie outside their bounds."""
    drawn_ = inside(lower, upper, points, seed)
    with torch.no_grad():
        outputs = model(drawn_.flatten(0, 1)).unflatten(0, drawn_.shape[:2])
    reached = torch.cat([outputs, climbed(model, lower, upper)])
    count = 0
    for method in methods:
        with torch.no_grad():
            low, high = bounds(model, lower, upper, method)
        count += int(((reached < low) | (reached > high)).sum())
    return count


@pytest.mark.parametrize("seed", range(24))
def test_no_point_leaves_its_bounds(seed):
    model, (lower, upper) = drawn(seed), boxes(3, RADII[seed % 3], seed)
    assert violations(model, lower, upper, 200, seed) == 0


@pytest.mark.parametrize("seed", range(0, 24, 4))
def test_no_hidden_unit_leaves_its_bounds(seed):
    """The outputs are those of the network cut off at every layer that lines are made from."""
    model, (lower, upper) = drawn(seed), boxes(2, RADII[seed % 3], seed)
    points = inside(lower, upper, 200, seed)
    for part in passes(read(model, lower)):
        region = Boxes.between(lower, upper)
        with torch.no_grad():
            values = part(points.flatten(0, 1)).unflatten(0, points.shape[:2])
            for method in METHODS:
                low, high = bound_outputs(part, region, method)
                assert (low <= values.amin(0)).all()
                assert (high >= values.amax(0)).all()


@pytest.mark.parametrize("seed", range(24))
def test_every_affine_layer_agrees_with_its_matrix(seed):
    generator = torch.Generator().manual_seed(seed)
    steps = read(drawn(seed), boxes(2, 0.1, seed)[0]).steps
    for step in steps[1:]:
        if not isinstance(step.layer, Affine):
            continue
        shape = steps[step.inputs[0]].shape
        with torch.no_grad():
            size = torch.Size(shape).numel()
            columns = torch.eye(size, dtype=torch.float64).view(size, *shape)
            matrix = step.layer.linear(columns).flatten(1)
            a = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
            b = torch.randn(2, *step.shape, generator=generator, dtype=torch.float64)
            wanted = (a.flatten(1) @ matrix.abs()).view(2, *step.shape)
            torch.testing.assert_close(step.layer.absolute(a), wanted)
            wanted = (b.flatten(1) @ matrix.T).view(2, *shape)
            torch.testing.assert_close(step.layer.transpose(b, shape), wanted)
            shift = 0 if step.layer.shift is None else step.layer.shift
            torch.testing.assert_close(step.layer(a), step.layer.linear(a) + shift)


@pytest.mark.nightly
def test_a_million_points_of_random_networks_stay_within_their_bounds():
    """Other networks every night, unless SPARKS_FUZZ says at which seed to begin."""
    first = int(os.environ.get("SPARKS_FUZZ", int.from_bytes(os.urandom(3), "big")))
    checked, seed = 0, first
    while checked < 1_000_000:
        model, (lower, upper) = drawn(seed), boxes(MANY, RADII[seed % 3], seed)
        assert violations(model, lower, upper, POINTS, seed) == 0, f"seed {seed}"
        checked += MANY * POINTS
        seed += 1


@pytest.mark.parametrize("seed", range(14))
def test_random_networks_have_the_bounds_of_an_older_library(seed):
    lirpa = pytest.importorskip(
        "auto_LiRPA", reason="auto_LiRPA's release does not import with the locked NumPy and torch"
    )
    model, (lower, upper) = drawn(seed, plain=True), boxes(2, RADII[seed % 3], seed)
    bounded = lirpa.BoundedModule(model, lower)
    ball = lirpa.PerturbationLpNorm(norm=torch.inf, x_L=lower, x_U=upper)
    x = lirpa.BoundedTensor((lower + upper) / 2, ball)
    try:
        other = bounded.compute_bounds(x=(x,), method="IBP")
    except ValueError:
        pytest.skip("it does not read this network")
    for ours, theirs in zip(bounds(model, lower, upper, "ibp"), other, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)  # its constants are float32
    try:
        low, high = bounded.compute_bounds(x=(x,), method="CROWN")
    except (AssertionError, RuntimeError, ValueError):
        pytest.skip("it does not pull back a sum with a constant")
    centre = model((lower + upper) / 2)
    if not ((low <= centre + 1e-6) & (centre <= high + 1e-6)).all():
        pytest.skip("its CROWN bounds do not hold for this network (so at seed 13)")
    # It takes interval bounds of units that these show to be on one side of 0, so that some of its
    # bounds are tighter, and others are not.
    ours = bounds(model, lower, upper, "backward")
    assert (ours[0] <= high + 1e-6).all()
    assert (ours[1] >= low - 1e-6).all()
