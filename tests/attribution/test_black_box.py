"""Black-box methods: closed forms on linear models, other libraries, and slow direct versions."""

import itertools
import math

import captum.attr
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from sparks.attribution import (
    HSIC,
    LIME,
    RISE,
    BottomUp,
    Input,
    KernelSHAP,
    Occlusion,
    Random,
    Sobol,
)
from sparks.engine import Baseline, Engine, Grid, Token, Vector
from sparks.engine.maskers import ShiftedGrid
from sparks.errors import SparksError
from sparks.sensitivity.estimators import FlatOutputWarning

from .nets import Linear, cell_sums, images, on_cells, random_net, vectors

EVERY = [
    Occlusion(grid=4),
    RISE(grid=4, masks=64),
    RISE(grid=4, masks=64, shift=False),
    LIME(grid=4, samples=64),
    KernelSHAP(grid=4, samples=64),
    Sobol(grid=4, points=8),
    HSIC(grid=4, masks=64),
    Random(),
]


@pytest.mark.parametrize("method", EVERY, ids=repr)
def test_maps_fit_inputs_and_depend_on_neither_neighbours_nor_order(method):
    model, (x, target) = random_net(), images()
    maps = method(model, x, target)
    assert maps.shape == (3, 8, 8)
    assert maps.dtype == torch.float32
    order = torch.tensor([2, 0])
    part = method(model, x[order], target[order])
    torch.testing.assert_close(part, maps[order], atol=1e-4, rtol=1e-3)
    assert torch.equal(method(model, x, target), maps)
    # Vectors take the same path.
    u, classes = vectors()
    assert method(Linear(6), u, classes).shape == (3, 6)


@pytest.mark.parametrize("method", EVERY[1:], ids=repr)
def test_a_seed_decides_what_is_drawn(method):
    model, (x, target) = random_net(), images()
    fields = {name: getattr(method, name) for name in method.__dataclass_fields__}
    other = type(method)(**{**fields, "seed": 1})
    assert not torch.equal(other(model, x, target), method(model, x, target))


def test_occlusion_of_a_linear_model_is_weight_times_input():
    model, (x, target) = Linear(2, 8, 8), images()
    w = model.weight.detach()[target]
    maps = Occlusion(grid=4, perturbation=Baseline(0.25))(model, x, target)
    torch.testing.assert_close(on_cells(maps, 4), cell_sums(w * (x - 0.25), 4))
    u, classes = vectors()
    model = Linear(6)
    torch.testing.assert_close(Occlusion()(model, u, classes), model.weight.detach()[classes] * u)


def test_occlusion_is_captums():
    model, (x, target) = random_net(), images()
    expected = captum.attr.Occlusion(model).attribute(x, (2, 2, 2), (2, 2, 2), target=target)
    torch.testing.assert_close(Occlusion(grid=4)(model, x, target), expected.detach()[:, 0])


def test_rise_is_the_score_weighted_mean_of_its_masks():
    model, (x, target) = random_net(), images()
    for shift in (True, False):
        method = RISE(grid=3, masks=20, shift=shift, centred=False, seed=5)
        masker = ShiftedGrid((3, 3), (8, 8)) if shift else Grid((3, 3), (8, 8), mode="bilinear")
        masks = method._design(masker)
        weighted, weight = torch.zeros(3, 8, 8), torch.zeros(8, 8)
        for mask in masks:
            spread = masker.expand(mask[None])[0, 0]
            with torch.no_grad():
                scores = model(x * spread).gather(1, target[:, None])
            weighted += scores[:, :, None] * spread
            weight += spread
        torch.testing.assert_close(method(model, x, target), weighted / weight)


def test_rise_as_published_divides_by_the_expected_sum_of_its_masks():
    model, (x, target) = random_net(), images()
    drawn, expected = (
        RISE(grid=3, masks=40, centred=False, probability=0.25, seed=5, normaliser=kind)
        for kind in ("drawn", "expected")
    )
    masker = drawn._grid(x)
    design = drawn._design(masker)
    spread = masker.expand(design).flatten(1)
    scores = drawn.score(model, x, target, design, masker)
    wanted = (scores @ spread / (40 * 0.25)).view_as(expected(model, x, target))
    torch.testing.assert_close(expected(model, x, target), wanted)
    ratio = drawn(model, x, target) / expected(model, x, target)
    sums = spread.sum(0).view(x.shape[-2:])
    torch.testing.assert_close(ratio, (10 / sums).expand_as(ratio), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [Occlusion, LIME, KernelSHAP])
def test_a_smooth_map_is_made_of_the_same_cells(kind):
    model, (x, target) = random_net(), images()
    squares, smooth = (kind(grid=4, resize=how)(model, x, target) for how in ("nearest", "bicubic"))
    side = squares.shape[-1] // 4
    cells = squares[:, ::side, ::side]
    wanted = Grid((4, 4), x.shape[-2:], resize="bicubic").to_map(cells.flatten(1))
    torch.testing.assert_close(smooth, wanted)


@pytest.mark.parametrize(("centred", "added"), [(True, 0), (False, 50)])
def test_rise_does_not_change_its_order_with_a_constant_added_to_the_score(centred, added):
    model, (u, classes) = Linear(6), vectors()
    method = RISE(masks=100, centred=centred)
    maps = method(model, u, classes)
    shifted = method(lambda z: model(z) + 50, u, classes)
    torch.testing.assert_close(shifted, maps + added, atol=1e-3, rtol=0)


def test_rise_refuses_too_few_masks():
    with pytest.raises(SparksError, match="RISE: 2 masks are too few for 6 features"):
        RISE(masks=2)(Linear(6), *vectors())


@pytest.mark.parametrize("method", [RISE(masks=4), HSIC(masks=4), LIME(samples=4)], ids=repr)
def test_masks_that_cannot_tell_features_apart_are_refused(method):
    """Four masks remove a feature in 7 ways that differ, up to exchange of removed and kept."""
    with pytest.raises(SparksError, match="4 masks are too few for 16 features"):
        method(lambda z: z.sum(1), torch.rand(2, 16), None)


def test_lime_is_the_ridge_regression_of_scikit_learn():
    u, classes = vectors()
    model = Linear(6)
    seen = []

    def spied(z):
        seen.append(z.tolist())
        return model(z)

    maps = LIME(samples=50, penalty=0.7, engine=Engine(batch_size=50))(spied, u, classes)
    for image, inputs in enumerate(map(torch.tensor, seen)):
        masks = (inputs != 0).double().numpy()
        assert masks[0].all()
        distance = 1 - masks.mean(1) ** 0.5
        weights = [math.exp(-(d**2) / (2 * 0.25**2)) for d in distance]
        scores = model(inputs)[:, classes[image]].detach().double().numpy()
        ridge = Ridge(alpha=0.7).fit(masks, scores, sample_weight=weights)
        torch.testing.assert_close(maps[image].double(), torch.from_numpy(ridge.coef_), **CLOSE)


CLOSE = {"atol": 1e-4, "rtol": 1e-4}


def test_lime_and_kernelshap_of_a_linear_model_are_weight_times_input():
    model, (x, target) = Linear(2, 8, 8), images()
    expected = cell_sums(model.weight.detach()[target] * x, 4)
    for method in (
        LIME(grid=4, samples=100, penalty=1e-9),
        KernelSHAP(grid=4, samples=100),
    ):
        torch.testing.assert_close(on_cells(method(model, x, target), 4), expected, **CLOSE)


def shapley(game, d):
    """Shapley values of a set function, by their definition."""
    values = torch.zeros(d)
    for i in range(d):
        rest = [j for j in range(d) if j != i]
        for size in range(d):
            weight = math.factorial(size) * math.factorial(d - size - 1) / math.factorial(d)
            for coalition in itertools.combinations(rest, size):
                values[i] += weight * (game({*coalition, i}) - game(set(coalition)))
    return values


def order_three(d, seed):
    """A game with random terms of one, two and three players, and its Shapley values.

    A term is shared evenly by its players.
    """
    generator = torch.Generator().manual_seed(seed)
    terms = [
        (list(players), torch.randn((), generator=generator, dtype=torch.float64))
        for order in (1, 2, 3)
        for players in itertools.combinations(range(d), order)
    ]
    exact = torch.zeros(d, dtype=torch.float64)
    for players, worth in terms:
        exact[players] += worth / len(players)

    def game(z):
        return sum(worth * z[:, players].double().prod(1) for players, worth in terms)

    return game, exact


def interacting(z):
    """Scores with interactions of two and three features."""
    return z[:, 0] * z[:, 1] + 2 * z[:, 2] - z[:, 3] * z[:, 0] * z[:, 2] + z[:, 1] ** 2


def test_kernelshap_is_exact_where_all_coalitions_fit():
    u = torch.rand(2, 4, generator=torch.Generator().manual_seed(0)) + 0.5

    def game(row):
        def value(kept):
            z = torch.tensor([row[i] if i in kept else 0.0 for i in range(4)])
            return interacting(z[None])[0]

        return value

    maps = KernelSHAP(samples=14)(interacting, u, None)
    expected = torch.stack([shapley(game(row), 4) for row in u])
    torch.testing.assert_close(maps, expected, **CLOSE)
    # Fewer samples: no longer exact, but still complete.
    maps = KernelSHAP(samples=8)(interacting, u, None)
    assert not torch.allclose(maps, expected, atol=1e-3)
    torch.testing.assert_close(maps.sum(1), interacting(u) - interacting(0 * u), **CLOSE)


def test_kernelshap_approaches_the_exact_values():
    """12 features in 6 pairs that multiply: half of each product belongs to either."""
    u = torch.rand(2, 12, generator=torch.Generator().manual_seed(0))
    maps = KernelSHAP(samples=2000)(lambda z: (z[:, ::2] * z[:, 1::2]).sum(1), u, None)
    half = (u[:, ::2] * u[:, 1::2] / 2).repeat_interleave(2, 1)
    torch.testing.assert_close(maps, half, atol=0.02, rtol=0)


def test_kernelshap_needs_a_coalition_and_its_complement_for_each_feature_but_one():
    with pytest.raises(SparksError, match="samples=9 do not determine 6 values: take 10"):
        KernelSHAP(samples=9)(Linear(6), *vectors())
    x, _ = images()
    with pytest.raises(SparksError, match="samples=64 do not determine 64 values: take 126"):
        KernelSHAP(grid=8, samples=64).check(random_net(), x)
    KernelSHAP(grid=8, samples=126).check(random_net(), x)
    with pytest.raises(SparksError, match="grid 9x9 does not fit"):
        Occlusion(grid=9).check(random_net(), x)


@pytest.mark.parametrize("d", [2, 3, 4, 5, 8, 17, 40])
def test_kernelshap_of_a_sum_is_exact_from_the_fewest_coalitions_on(d):
    """Never a wrong number, as from a singular regression."""
    truth = torch.arange(1.0, d + 1)
    for more, seed in itertools.product((0, 1, 7), range(5)):
        method = KernelSHAP(samples=2 * (d - 1) + more, seed=seed)
        maps = method(lambda z: z @ truth, torch.ones(1, d), None)
        torch.testing.assert_close(maps[0], truth, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(("d", "samples"), [(64, 130), (64, 800), (16, 50), (64, 1000), (49, 126)])
def test_shipped_sizes_of_kernelshap_determine_their_values(d, samples):
    for seed in range(20):
        coalitions, weights = KernelSHAP(samples=samples, seed=seed).design(d)
        assert len(coalitions) - 2 == len(weights) == samples


def test_coalitions_are_complete_sizes_first_then_different_ones_with_their_complements():
    """Of 64 features and 800 samples: sizes 1 and 63 in full; sizes weigh as in the kernel."""
    coalitions, weights = KernelSHAP(samples=800).design(64)
    rows, sizes = coalitions[2:], coalitions[2:].sum(1)
    assert len(rows.unique(dim=0)) == len(rows) == 800
    assert [int((sizes == size).sum()) for size in (1, 63)] == [64, 64]
    # The complement of each has the same weight.
    found = dict(zip(map(tuple, rows.tolist()), weights.tolist(), strict=True))
    assert all(found[tuple(1 - x for x in row)] == weight for row, weight in found.items())
    shares = torch.tensor([1 / (s * (64 - s)) for s in range(1, 64)], dtype=torch.float64)
    expected = shares[0] / shares.sum()
    got = weights[sizes == 1].sum() / weights.sum()
    torch.testing.assert_close(got, expected)


def test_kernelshap_of_a_game_of_order_three_is_as_near_as_the_package_shap():
    """Nine players, 300 evaluations: shap 0.51 errs by .044 of the values' size, 298 drawn by .126.

    The nightly lane compares the two on the same games.
    """
    errors = []
    for seed in range(8):
        game, exact = order_three(9, seed)
        maps = KernelSHAP(samples=298, seed=seed)(game, torch.ones(1, 9), None)[0].double()
        errors.append(float((maps - exact).square().mean().sqrt() / exact.square().mean().sqrt()))
    assert sum(errors) / len(errors) < 0.06


@pytest.mark.parametrize("order", ["total", "first"])
def test_sobol_of_a_linear_model_is_the_share_of_squares(order):
    model, (x, target) = Linear(2, 8, 8), images()
    squares = cell_sums(model.weight.detach()[target] * x, 2) ** 2
    method = Sobol(grid=2, points=2048, order=order, resize="nearest")
    maps = on_cells(method(model, x, target), 2)
    torch.testing.assert_close(maps, squares / squares.sum(1, keepdim=True), atol=0.02, rtol=0)


def test_signed_sobol_of_a_linear_model_has_the_signs_of_its_terms():
    model, (u, classes) = Linear(6), vectors()
    terms = (model.weight.detach()[classes] * u).double()
    signed, plain = (Sobol(points=512, signed=s)(model, u, classes).double() for s in (True, False))
    torch.testing.assert_close(signed.abs(), plain.abs())
    large = terms**2 > 0.01 * (terms**2).sum(1, keepdim=True)
    assert torch.equal(signed.sign()[large], terms.sign()[large])
    assert (plain >= 0).all()


def test_sobol_total_order_holds_the_interactions_and_first_order_does_not():
    """For m1 m2 on the unit square, S = 3/7 and ST = 4/7 each."""
    method = Sobol(points=4096)
    first, total = method.indices(lambda z: z[:, 0] * z[:, 1], torch.ones(1, 2), None)
    torch.testing.assert_close(first, torch.full((1, 2), 3 / 7).double(), atol=0.01, rtol=0)
    torch.testing.assert_close(total, torch.full((1, 2), 4 / 7).double(), atol=0.01, rtol=0)
    evaluation = method.evaluate(lambda z: z[:, 0] * z[:, 1], torch.ones(1, 2), None)
    low, high = method.intervals(evaluation, repeats=200)
    assert ((low < total) & (total < high)).all()


def test_sobol_costs_n_times_d_plus_two_forwards():
    count = 0

    def model(z):
        nonlocal count
        count += len(z)
        return z.sum(1)

    Sobol(points=32, engine=Engine(batch_size=100))(model, torch.rand(1, 64), None)
    assert count == 32 * 66 == 2112


def test_sobol_flags_a_score_that_no_mask_changes():
    with pytest.warns(FlatOutputWarning):
        maps = Sobol(points=8)(lambda z: 0 * z[:, 0] + 3, torch.ones(2, 4), None)
    assert maps.isnan().all()


def test_hsic_is_the_trace_of_its_kernels():
    u, _ = vectors()
    model = Linear(6)
    for bandwidth in ("distance", "output"):
        method = HSIC(masks=40, bandwidth=bandwidth)
        masks = (torch.rand(40, 6, generator=torch.Generator().manual_seed(0)) < 0.5).double()
        scores = model(u[0] * masks.float()).detach().double()[:, :1].T
        gaps = (scores[0][:, None] - scores[0]) ** 2
        pairs = [abs(a - b) for a, b in itertools.combinations(scores[0].tolist(), 2)]
        width = np.median(pairs if bandwidth == "distance" else scores[0].numpy())
        centre = torch.eye(40).double() - 1 / 40
        kernel = centre @ (-gaps / (2 * width**2)).exp() @ centre
        expected = [torch.trace((1 - (m[:, None] - m) ** 2) @ kernel).item() / 40 for m in masks.T]
        result = method.estimate(masks, scores)
        torch.testing.assert_close(result[0], torch.tensor(expected).double())
    assert (HSIC(masks=40)(lambda z: 0 * z[:, 0], u, None) == 0).all()
    for same in (torch.ones(8, 2), torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]] * 3)):
        with pytest.raises(SparksError, match="cell 0 has the same value in all"):
            HSIC().estimate(same, torch.rand(1, len(same)))
    with pytest.raises(SparksError, match="bandwidth='silverman'"):
        HSIC(masks=40, bandwidth="silverman")


def test_hsic_of_scores_that_mostly_tie_still_sees_the_cells():
    """The median distance is 0, no width of a kernel: that of the scores that differ is taken."""
    for bandwidth in ("distance", "output"):
        method = HSIC(masks=256, bandwidth=bandwidth)
        (map_,) = method(lambda z: z[:, ::2].prod(1), torch.ones(1, 6), None)  # 1 of 8 scores is 1
        assert map_[::2].min() > map_[1::2].max() >= 0


@pytest.mark.parametrize(
    "method", [m for m in EVERY if not isinstance(m, Random)], ids=lambda m: type(m).__name__
)
def test_the_feature_that_matters_most_gets_the_largest_value(method):
    u = torch.ones(1, 8)
    fields = {name: getattr(method, name) for name in method.__dataclass_fields__}
    for size in ("masks", "samples"):
        if size in fields:
            fields[size] = 400
    if isinstance(method, Sobol):
        fields["points"] = 64
    maps = type(method)(**fields)(lambda z: z[:, 0] + 5 * z[:, 3] + 2 * z[:, 6], u, None)
    assert int(maps.argmax()) == 3


def test_words_are_explained_by_the_same_code():
    """Tokens are replaced, not multiplied: the score counts token 7."""
    words = torch.tensor([[4, 7, 5, 6], [7, 4, 5, 7]])
    method = Occlusion(perturbation=Token(0))
    maps = method(lambda tokens: (tokens == 7).sum(1).float(), words, None)
    assert maps.tolist() == [[0, 1, 0, 0], [1, 0, 0, 1]]


@given(batch_size=st.integers(1, 70), which=st.integers(0, len(EVERY) - 2))
def test_the_batch_size_does_not_matter(batch_size, which):
    method, (u, classes) = EVERY[which], vectors()
    fields = {name: getattr(method, name) for name in method.__dataclass_fields__}
    other = type(method)(**{**fields, "engine": Engine(batch_size=batch_size)})
    model = Linear(6)
    torch.testing.assert_close(other(model, u, classes), method(model, u, classes), **CLOSE)


def test_random_maps_differ_between_images_and_repeat_for_a_seed():
    (x, target) = images()
    maps = Random()(None, x, target)
    assert not torch.equal(maps[0], maps[1])
    assert torch.equal(Random()(None, x.flip(0), target), maps.flip(0))


def test_the_input_as_a_map_is_the_same_for_every_model():
    (x, target) = images()
    maps = Input()(None, x, target)
    assert torch.allclose(maps, x.sum(1))
    assert torch.equal(Input()(None, x[:, 0, 0], target), x[:, 0, 0])  # vectors are their own map


def test_a_design_is_the_same_for_images_and_vectors_of_as_many_features():
    """Cells of an image of 1 pixel each are the coordinates of a vector."""
    u = torch.rand(2, 16, generator=torch.Generator().manual_seed(0))
    x = u.reshape(2, 1, 4, 4)
    model = lambda z: (z.flatten(1) ** 2).sum(1)  # noqa: E731
    for method in EVERY[2:-1]:
        maps = method(model, x, None)
        torch.testing.assert_close(maps.flatten(1), method(model, u, None), **CLOSE)
    assert Vector(16).d == Grid((4, 4), (4, 4)).d


@pytest.mark.parametrize(("size", "place"), [(64, (10, 40)), (32, (20, 9)), (96, (70, 24))])
def test_bottom_up_finds_the_odd_one_out_whatever_the_model(size, place):
    row_of_stripes = torch.sin(2 * torch.pi * torch.arange(size) / 8)
    image = 0.5 + 0.3 * row_of_stripes.repeat(size, 1)  # stripes are the same everywhere
    row, column = place
    image[row : row + 5, column : column + 5] = 1.0
    images = torch.stack([image, image.flip(0), torch.full_like(image, 0.5)])[:, None]
    maps = BottomUp()(None, images.expand(-1, 3, -1, -1), torch.zeros(3, dtype=torch.int64))
    peak = divmod(int(maps[0].argmax()), size)
    assert abs(peak[0] - row - 2) <= 3
    assert abs(peak[1] - column - 2) <= 3
    torch.testing.assert_close(maps[1], maps[0].flip(0), rtol=1e-2, atol=1e-3 * maps[0].max())
    assert (maps >= 0).all()
    assert maps.isfinite().all()
