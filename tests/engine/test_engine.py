"""The engine against a loop that masks and scores one input at a time."""

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pretended_gpu import PretendedGPU
from torch import Tensor, nn

from sparks.engine import (
    Amplitude,
    Baseline,
    Blur,
    Engine,
    FixedMasks,
    Grid,
    LeaveOneOut,
    Noise,
    Pixels,
    Ranked,
    Rows,
    Sum,
    Uniform,
    Vector,
)
from sparks.errors import SparksError
from sparks.sensitivity.designs import SaltelliDesign

SIZE = (6, 8)


def random_net(classes: int = 4) -> nn.Sequential:
    """A convolutional net with random weights."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(20, classes),
    )


class Spy(nn.Module):
    """Remembers the sizes of the batches it is given."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        return self.net(x)


def inputs(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 3, *SIZE, generator=generator)
    return x, torch.randint(4, (n,), generator=generator)


def direct(net: nn.Module, x: Tensor, target: Tensor, masks: Tensor, cells: tuple[int, int]):
    """Scores (N, n) of masks (N, n, d), one forward pass each."""
    net.eval()
    rows, columns = (
        torch.tensor([math.floor((i + 0.5) * n / side) for i in range(side)])
        for n, side in zip(cells, SIZE, strict=True)
    )
    scores = torch.empty(masks.shape[:2])
    with torch.no_grad():
        for i in range(len(x)):
            for j in range(masks.shape[1]):
                mask = masks[i, j].reshape(cells)[rows][:, columns]
                scores[i, j] = net((x[i] * mask)[None])[0, target[i]]
    return scores


@given(
    images=st.integers(1, 4),
    n=st.integers(1, 9),
    batch_size=st.integers(1, 40),
    own=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_scores_are_those_of_a_direct_loop(images, n, batch_size, own, seed):
    net, (x, target) = random_net(), inputs(images, seed)
    masks = torch.rand(images, n, 6, generator=torch.Generator().manual_seed(seed))
    if not own:
        masks = masks[:1].expand_as(masks)
    spy = Spy(net)
    design = masks if own else masks[0]
    scores = Engine(batch_size=batch_size).score(spy, x, target, design, Grid((2, 3), SIZE))
    torch.testing.assert_close(scores, direct(net, x, target, masks, (2, 3)), atol=1e-5, rtol=1e-4)
    assert max(spy.sizes) <= batch_size
    assert sum(spy.sizes) == images * n


class Counted:
    """A design of 5,000 rows that would fill memory if it were made at once."""

    n, d = 5000, 12

    def __init__(self) -> None:
        self.largest = 0

    def to(self, device):
        return self

    def masks(self, images: Tensor, rows: Tensor) -> Tensor:
        self.largest = max(self.largest, len(rows))
        return ((rows[:, None] + torch.arange(12)) % 2).float()


def test_a_generator_of_masks_is_asked_for_one_batch_at_a_time():
    design, spy = Counted(), Spy(nn.Flatten(0))
    spy.net = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    x = torch.rand(3, 12)
    scores = Engine(batch_size=37).score(spy, x, None, design, Vector(12))
    assert design.largest == max(spy.sizes) == 37
    assert scores.shape == (3, 5000)


def test_the_order_of_images_does_not_matter():
    net, (x, target) = random_net(), inputs(5)
    masks = torch.rand(7, 6, generator=torch.Generator().manual_seed(1))
    order = torch.tensor([3, 1, 4, 0, 2])
    engine, grid = Engine(batch_size=6), Grid((2, 3), SIZE)
    straight = engine.score(net, x, target, masks, grid)
    shuffled = engine.score(net, x[order], target[order], masks, grid)
    torch.testing.assert_close(shuffled, straight[order])


def test_designs_make_the_masks_they_describe():
    rows, images = torch.arange(4), torch.zeros(4, dtype=torch.long)
    assert LeaveOneOut(3).masks(images, rows).tolist() == [
        [1, 1, 1],
        [0, 1, 1],
        [1, 0, 1],
        [1, 1, 0],
    ]
    ranks = torch.tensor([[2, 0, 1], [0, 1, 2]])
    which, steps = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 2])
    removed = Ranked(ranks, torch.tensor([0, 1, 3])).masks(which, steps)
    assert removed.tolist() == [[1, 1, 1], [1, 0, 1], [0, 1, 1], [0, 0, 0]]
    inserted = Ranked(ranks, torch.tensor([0, 1, 3]), insert=True).masks(which, steps)
    assert (inserted == 1 - removed).all()
    table = torch.rand(2, 5, 3) < 0.5
    assert (FixedMasks(table).masks(which, steps) == table[which, steps].float()).all()


def test_scores_can_be_probabilities_or_those_of_a_plain_function():
    net, (x, target) = random_net(), inputs(2)
    ones = torch.ones(1, 48)
    score = Engine().score(net, x, target, ones, Pixels(SIZE), output="probability")
    with torch.no_grad():
        expected = net.eval()(x).softmax(1)[torch.arange(2), target]
    torch.testing.assert_close(score[:, 0], expected)
    values = torch.rand(3, 4)
    score = Engine().score(lambda u: u.sum(1), values, None, torch.ones(1, 4), Vector(4))
    torch.testing.assert_close(score[:, 0], values.sum(1))


def test_modules_get_their_own_mode_back():
    net, (x, target) = random_net(), inputs(2)
    net.train()
    net[1].eval()  # a frozen batch norm in a net that trains
    before = [m.training for m in net.modules()]
    first = Engine().score(net, x, target, LeaveOneOut(6), Grid((2, 3), SIZE))
    assert [m.training for m in net.modules()] == before
    # Neither dropout nor batch statistics took part.
    assert torch.equal(first, Engine().score(net, x, target, LeaveOneOut(6), Grid((2, 3), SIZE)))

    def broken(_: Tensor) -> Tensor:
        raise ZeroDivisionError

    net[0].forward = broken
    with pytest.raises(ZeroDivisionError):
        Engine().score(net, x, target, LeaveOneOut(6), Grid((2, 3), SIZE))
    assert [m.training for m in net.modules()] == before


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_score_that_is_not_finite_names_the_input(bad):
    x, target = inputs(3)
    x[1, 0, 0, 0] = bad
    with pytest.raises(SparksError, match="input 1 under mask 0 holds NaN"):
        Engine(batch_size=4).score(random_net(), x, target, LeaveOneOut(6), Grid((2, 3), SIZE))


def test_bad_arguments_are_refused():
    net, (x, target) = random_net(), inputs(2)
    grid = Grid((2, 3), SIZE)
    with pytest.raises(SparksError, match="batch_size=0"):
        Engine(batch_size=0)
    with pytest.raises(SparksError, match="5 features, the inputs have 6"):
        Engine().score(net, x, target, torch.ones(1, 5), grid)
    with pytest.raises(SparksError, match=r"2 inputs but targets of shape \(1,\)"):
        Engine().score(net, x, target[:1], LeaveOneOut(6), grid)
    with pytest.raises(SparksError, match="4 outputs: name the class"):
        Engine().score(net, x, None, LeaveOneOut(6), grid)
    with pytest.raises(SparksError, match="output 'softmax'"):
        Engine().score(net, x, target, LeaveOneOut(6), grid, output="softmax")
    with pytest.raises(SparksError, match="precision='fp8'"):
        Engine(precision="fp8")
    with pytest.raises(SparksError, match="value='median'"):
        Baseline("median")


def test_bf16_changes_scores_by_its_rounding_only():
    net, (x, target) = random_net(), inputs(2)
    grid = Grid((2, 3), SIZE)
    exact = Engine(precision="fp32").score(net, x, target, LeaveOneOut(6), grid)
    rounded = Engine(precision="bf16").score(net, x, target, LeaveOneOut(6), grid)
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(exact, rounded, atol=0.02, rtol=0.02)


def test_the_probe_runs_once_and_changes_nothing_but_the_batch():
    spy = Spy(random_net())
    x, target = inputs(2)
    design, grid = SaltelliDesign.sample(64, 6), Grid((2, 3), SIZE)
    engine = Engine(batch_size="auto", largest=64)
    scores = engine.score(spy, x, target, design, grid)
    assert max(spy.sizes) <= 64
    probed = sum(spy.sizes)
    assert probed > 2 * design.n
    spy.sizes.clear()
    engine.score(spy, x, target, design, grid)
    assert sum(spy.sizes) == 2 * design.n
    fixed = Engine(batch_size=50).score(spy, x, target, design, grid)
    torch.testing.assert_close(scores, fixed, atol=1e-5, rtol=1e-4)


def test_peak_memory_does_not_grow_with_the_number_of_masks_or_images():
    """In a process of its own: 8,192 inputs of 64 x 64 pixels at once would take 400 MB."""
    code = """
import resource, torch
from sparks.engine import Engine, Grid
from sparks.sensitivity.designs import SaltelliDesign

def peak(images, points):
    x, grid = torch.rand(images, 3, 64, 64), Grid((8, 8), (64, 64))
    model = lambda z: z.flatten(1).sum(1)
    Engine(batch_size=32).score(model, x, None, SaltelliDesign.sample(points, 64), grid)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

small = peak(1, 1)
print(peak(1, 128) - small, peak(16, 8) - small)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for grown in map(float, done.stdout.split()):
        assert grown < 40


RANKS = torch.stack([torch.randperm(6, generator=torch.Generator().manual_seed(i)) for i in (0, 1)])
LOOPS = {
    "stored": (LeaveOneOut(6).masks(torch.arange(7), torch.arange(7)), Baseline()),
    "replicated": (SaltelliDesign.sample(4, 6), Baseline(0.5)),
    "ranked": (Ranked(RANKS.int(), torch.arange(0, 7)), Baseline("mean")),
    "one off, blurred": (LeaveOneOut(6), Blur(2)),
    "one off, noise": (LeaveOneOut(6), Noise()),
    "one off, uniform": (LeaveOneOut(6), Uniform()),
    "one off, shifted": (LeaveOneOut(6), Amplitude()),
}


@pytest.mark.parametrize(("design", "perturbation"), LOOPS.values(), ids=LOOPS)
def test_a_gpu_is_not_waited_for_between_masks(design, perturbation):
    x, target = inputs(2)

    def score(batch_size, device):
        engine = Engine(batch_size=batch_size)
        net = random_net().to(device)
        return engine.score(net, x, target, design, Grid((2, 3), SIZE), perturbation)

    with PretendedGPU() as gpu:
        few = score(64, gpu.device)
        waits = len(gpu.waits)
        many = score(3, gpu.device)
        assert len(gpu.waits) == 2 * waits, gpu.waits
    assert torch.equal(few, score(64, "cpu"))
    assert torch.equal(many, score(3, "cpu"))


def test_a_gpu_is_not_waited_for_between_sums():
    terms = torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(0))
    head = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))

    def score(batch_size):
        return Engine(batch_size=batch_size).score(
            head, terms, None, LeaveOneOut(5), Rows(5), Sum()
        )

    expected = score(7)
    with PretendedGPU() as gpu:
        head.to(gpu.device)
        assert torch.equal(score(7), expected)
        assert len(gpu.waits) == 2, gpu.waits  # is any score not finite, and the scores


class Remembering(Baseline):
    """Counts for how many inputs a baseline was made."""

    def baseline(self, x: Tensor) -> Tensor:
        self.made.append(len(x))
        return torch.zeros_like(x)


def test_a_reference_is_made_once_for_the_masks_of_an_input():
    perturbation = Remembering()
    object.__setattr__(perturbation, "made", [])
    x, target = inputs(3)
    Engine(batch_size=2).score(
        random_net(), x, target, torch.rand(10, 6), Grid((2, 3), SIZE), perturbation
    )
    assert perturbation.made == [1, 1, 1]
