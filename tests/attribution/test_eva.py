"""EVA against closed forms, sampling and attack; the greedy searches against what they look for."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from verification.nets import KINDS, network

from sparks.attribution import EVA, Greedy
from sparks.engine import Grid
from sparks.engine.outputs import adversarial_margin
from sparks.engine.seeds import generators
from sparks.errors import SparksError
from sparks.verification import Attack, Boxes, bounding, memory

from .nets import images, on_cells, random_net


def linear(*shape, classes=3):
    """Logits W x + b as a network that can be read."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), classes)).eval()


def rises(model, target):
    """Slopes of the margins of both other classes over the target, (N, 2, C, H, W)."""
    w = model[1].weight.detach()
    others = [[k for k in range(3) if k != t] for t in target.tolist()]
    rows = [w[o] - w[t] for o, t in zip(others, target.tolist(), strict=True)]
    return torch.stack(rows).view(len(target), 2, 2, 8, 8)


@pytest.mark.parametrize("bound", ["ibp", "forward", "backward", "ibp+forward+backward"])
@pytest.mark.parametrize("norm", ["inf", "2"])
def test_on_a_linear_model_every_bound_is_exact(bound, norm):
    model, (x, target) = linear(2, 8, 8), images()
    if norm == "2" and bound == "ibp":
        return  # boxes around balls are not exact
    eva = EVA(epsilon=0.1, grid=4, bound=bound, norm=norm, clip=False)
    slopes = rises(model, target)
    base = (slopes * x[:, None]).flatten(2).sum(2)
    bias = model[1].bias.detach()
    others = [[k for k in range(3) if k != t] for t in target.tolist()]
    base += torch.stack([bias[o] - bias[t] for o, t in zip(others, target.tolist(), strict=True)])
    cells = Grid((4, 4), (8, 8)).expand(torch.eye(16))[:, 0].bool()

    def worst(frozen):
        moving = slopes.masked_fill(frozen, 0).flatten(2)
        reach = moving.abs().sum(2) if norm == "inf" else moving.norm(dim=2)
        return (base + 0.1 * reach).amax(1)

    full = worst(torch.zeros(8, 8, dtype=torch.bool))
    wanted = torch.stack([full - worst(cell) for cell in cells], 1)
    torch.testing.assert_close(on_cells(eva(model, x, target), 4), wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(eva.certificate(model, x, target), full, atol=1e-5, rtol=1e-4)


def test_sides_add_up_on_a_linear_model_and_point_where_ink_helps():
    model, (x, target) = linear(2, 8, 8), images()
    toward = next(k for k in range(3) if k not in target.tolist() or k != target[0])
    x, target = x[:1], target[:1]
    eva = EVA(epsilon=0.1, grid=4, toward=toward, clip=False)
    w = model[1].weight.detach()
    slope = (w[toward] - w[target[0]]).view(1, 2, 8, 8)
    add, remove, both = (
        on_cells(replace(eva, side=side)(model, x, target), 4) for side in ("add", "remove", "both")
    )
    sums = lambda t: t.sum(1).view(1, 4, 2, 4, 2).sum((2, 4)).flatten(1)  # noqa: E731
    torch.testing.assert_close(add, 0.1 * sums(slope.clamp(min=0)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(remove, 0.1 * sums((-slope).clamp(min=0)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(add + remove, both, atol=1e-5, rtol=1e-4)


@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**20),
    grid=st.sampled_from([1, 4, 6, 12]),
    epsilon=st.sampled_from([0.001, 0.05, 0.5]),
    shared=st.booleans(),
    side=st.sampled_from(["both", "add", "remove"]),
    overlap=st.sampled_from(["margin", "interval"]),
)
def test_eva_is_never_negative_and_what_an_attack_finds_is_below(
    kind, seed, grid, epsilon, shared, side, overlap
):
    model = network(kind, seed)
    x = torch.rand(2, 2, 6, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    target = model(x).argmax(1)
    eva = EVA(epsilon=epsilon, grid=grid, shared=shared, side=side, overlap=overlap)
    # Maps are differences of these, certificates the first: other tests have closed forms of both.
    bounds = eva.overlaps(model, x, target)
    certified = bounds[:, 0]
    assert (bounds[:, 1:] <= bounds[:, :1]).all()
    sampled = replace(eva, bound="sampled").overlaps(model, x, target)
    assert sampled.shape == bounds.shape == (2, 1 + min(grid, 6) ** 2)
    assert (sampled <= bounds + 1e-12).all()
    if side == "both":
        size = torch.full((2,), epsilon, dtype=torch.float64)
        found = Attack(steps=10)(model, x, target, torch.ones_like(x), size)
        assert (found <= certified + 1e-12).all()


def test_margins_are_tighter_than_intervals_and_own_forms_than_shared_ones():
    model = network("residual", 1)
    x = torch.rand(2, 2, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = model(x).argmax(1)
    eva = EVA(epsilon=0.03, grid=3)
    wide = replace(eva, overlap="interval").overlaps(model, x, target)
    shared, own = (replace(eva, shared=s).overlaps(model, x, target) for s in (True, False))
    assert (shared < wide).all()
    torch.testing.assert_close(shared[:, 0], own[:, 0])
    assert float(own[:, 1:].mean()) <= float(shared[:, 1:].mean())


def test_grids_that_do_not_divide_an_image_give_cells_that_cover_it_once():
    model, (x, target) = linear(2, 8, 8), images()
    eva = EVA(epsilon=0.1, grid=3, clip=False, toward=None)
    slopes = rises(model, target)[:1]
    maps = eva(model, x[:1], target[:1])
    # 3 cells on 8 pixels: 3, 2 and 3 wide.
    owner = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    assert len(maps[0].unique()) <= 9
    for row in range(3):
        for column in range(3):
            cell = (owner[:, None] == row) & (owner[None] == column)
            assert len(maps[0][cell].unique()) == 1
    fine = EVA(epsilon=0.1, grid=12, clip=False)(model, x[:1], target[:1])  # a pixel a cell
    assert fine.shape == (1, 8, 8)
    assert slopes.shape[1] == 2


def test_the_hybrid_bounds_the_same_network_and_is_below_the_certificate():
    model = network("residual", 2)
    x = torch.rand(2, 2, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = model(x).argmax(1)
    eva = EVA(epsilon=0.05, grid=3, samples=16)
    hybrid = replace(eva, layer=model.layers()[-2])
    maps = hybrid(model, x, target)
    assert (maps >= 0).all()
    assert maps.amax() > 0
    # A sampled box lies inside the true one.
    assert (hybrid.overlaps(model, x, target)[:, 0] <= eva.certificate(model, x, target)).all()
    with torch.no_grad():
        itself = (model(x) - model(x).amax(1, keepdim=True)).topk(2).values[:, 1]
    assert (hybrid.overlaps(model, x, target) >= itself[:, None]).all()
    assert torch.equal(hybrid(model, x[1:], target[1:]), maps[1:])
    with pytest.raises(SparksError, match="samples prove nothing"):
        hybrid.certificate(model, x, target)


def test_a_certificate_is_never_broken():
    model = network("dense", 5)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(40, 2, 6, 6, generator=generator, dtype=torch.float64)
    target = model(x).argmax(1)
    proved = EVA(epsilon=0.01).certificate(model, x, target) <= 0
    assert 5 < int(proved.sum()) < 40  # the test can fail both ways
    size = torch.full((40,), 0.01, dtype=torch.float64)
    found = Attack(steps=40)(model, x, target, torch.ones_like(x), size)
    assert (found[proved] <= 0).all()


class Branches(nn.Module):
    """Branches that are added by Python's sum, which begins with 0 + the first."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Flatten(), nn.Linear(72, 12), nn.ReLU(), nn.Linear(12, 4))
            for _ in range(2)
        )

    def forward(self, x):
        return sum(branch(x) for branch in self.branches)


def test_a_certificate_of_a_sum_of_branches_is_never_broken():
    model = Branches().double().eval()
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(60, 2, 6, 6, generator=generator, dtype=torch.float64)
    target = model(x).argmax(1)
    certified = EVA(epsilon=0.02).certificate(model, x, target)
    assert 5 < int((certified <= 0).sum()) < 55
    size = torch.full((60,), 0.02, dtype=torch.float64)
    found = Attack(steps=40)(model, x, target, torch.ones_like(x), size)
    assert (found <= certified).all()
    # Where the bound is close to what is found, it is a bound of this network and of no other.
    assert float((certified - found).median()) < 0.05


def large():
    """A network for images of 224 pixels, with layers as wide as those of a ResNet."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 7, 4, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.ReLU6(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(16, 3),
    ).eval()  # fmt: skip


def test_a_large_network_is_refused_before_anything_is_computed(monkeypatch):
    x = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("sparks.verification.bounding._together", None)
    monkeypatch.setattr(Boxes, "hull", None)
    message = r"150528 inputs, 150528 units in its widest layer\) need about .* GiB of memory"
    with pytest.raises(SparksError, match=message + ".*by 'ibp' alone.*layer=") as refusal:
        EVA()(large(), x, torch.tensor([0]))
    assert "\n" not in str(refusal.value)


def test_a_large_network_is_explained_a_part_at_a_time(monkeypatch):
    model, target = large(), torch.tensor([0])
    x = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    eva = EVA(bound="ibp", grid=3, epsilon=0.01, precision="float32")
    whole = eva(model, x, target)
    parts, together = [], bounding._together

    def counted(network, region, *rest):
        parts.append(len(region))
        return together(network, region, *rest)

    monkeypatch.setattr(bounding, "_together", counted)
    monkeypatch.setattr(memory, "MEMORY", 2**26)
    torch.testing.assert_close(eva(model, x, target), whole)
    assert len(parts) > 1
    assert sum(parts) - len(parts) == 9  # the whole ball is in all of them
    assert whole.amax() > 0


@pytest.mark.nightly
def test_a_resnet_at_224_pixels_takes_the_memory_that_it_may():
    """In a process of its own: by default it is refused, by boxes alone it is explained."""
    code = """
import torch, torchvision
from benchmarks.memory import peak_rise
from sparks.attribution import EVA
from sparks.errors import SparksError
from sparks.models import Classifier
torch.manual_seed(0)
model = Classifier(torchvision.models.resnet18(), 3).eval()
x = torch.rand(1, 3, 224, 224)
def refused():
    try:
        EVA()(model, x, torch.tensor([0]))
    except SparksError as error:
        print(error)
print(peak_rise(refused))
print(peak_rise(lambda: EVA(bound="ibp", grid=4)(model, x, torch.tensor([0]))))
"""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    message, refused, explained = done.stdout.splitlines()
    assert "150528 inputs" in message
    assert float(refused) < 512
    assert float(explained) < 512 + 2048


def test_samples_of_many_sets_are_drawn_a_part_at_a_time():
    model, (x, target) = linear(2, 8, 8), images()
    eva = EVA(bound="sampled", epsilon=0.1, grid=4, samples=200)
    found = eva.overlaps(model, x, target)
    cells = Grid((4, 4), (8, 8)).expand(torch.eye(16))
    free = torch.cat([torch.ones_like(cells[:1]), 1 - cells])
    for i, generator in enumerate(generators(x, eva.seed)):
        moves = eva._points(x[i : i + 1], generator)
        each = [
            adversarial_margin(model(x[i] + moves * f), target[i].expand(200)).amax() for f in free
        ]
        wanted = torch.stack(each).clamp(max=each[0])
        torch.testing.assert_close(found[i], wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": 5}, r"epsilon=5 is no distance between images in \[0, 1\].*255"),
        ({"epsilon": 0.0}, "epsilon=0.0 is no distance"),
        ({"norm": "1"}, "norm='1' is not one of"),
        ({"norm": "2"}, "norm '2' has no side, needs clip=False"),
        ({"bound": "crown"}, "'crown' is no engine"),
        ({"toward": 7}, "the class to go to, 7, is none of the other classes"),
    ],
)
def test_wrong_settings_are_refused(change, message):
    model, (x, target) = linear(2, 8, 8), images()
    with pytest.raises(SparksError, match=message):
        EVA(**change)(model, x, target)


def test_a_layer_without_a_rule_is_refused_and_the_hybrid_explains_the_model():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.GELU(), nn.Conv2d(3, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3)
    )
    x, target = images()
    with pytest.raises(SparksError, match=r"layer 1 \(GELU\) has no rule.*layer="):
        EVA()(model, x, target)
    assert EVA(layer="1", grid=4, samples=4)(model, x, target).amax() > 0
    with pytest.raises(SparksError, match=r"torch.nn.Module"):
        EVA()(lambda v: model(v), x, target)


@pytest.mark.parametrize("objective", ["distance", "overlap"])
def test_greedy_search_finds_the_cells_that_flip_a_linear_model(objective):
    model, (x, target) = linear(2, 8, 8), images()
    with torch.no_grad():  # two cells decide alone, and both are needed
        model[1].weight *= 0.01
        model[1].bias[2] = -100.0
        weight = model[1].weight.view(3, 2, 8, 8)
        weight[0, :, :2, :2], weight[1, :, 4:6, 4:6] = 1.0, -1.0
    target = model(x).argmax(1)
    greedy = Greedy(
        objective=objective,
        grid=4,
        rounds=4,
        subsets=192,
        epsilon=0.9,
        attack=Attack(5, clip=False),
    )
    maps = greedy(model, x, target)
    cells = on_cells(maps, 4)
    assert set(cells.topk(2).indices.flatten().tolist()) == {0, 10}
    assert all(len(row.unique()) == 16 for row in cells)
    assert torch.equal(greedy(model, x[1:], target[1:]), maps[1:])


def test_maps_do_not_depend_on_neighbours():
    model, (x, target) = random_net(), images()
    eva = EVA(epsilon=0.1, grid=4)
    assert torch.equal(eva(model, x, target)[1:], eva(model, x[1:], target[1:]))
