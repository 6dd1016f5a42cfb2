"""Deletion and Insertion against a direct loop, and the defects of other implementations."""

import itertools

import pytest
import torch
from torch import nn

from sparks.engine import Engine, Token
from sparks.errors import SparksError
from sparks.metrics import Deletion, Explanation, Insertion, InsertionMinusDeletion
from sparks.metrics.maps import UndefinedScoreWarning, descending_ranks


def random_net():
    torch.manual_seed(0)
    layers = nn.Conv2d(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    return nn.Sequential(*layers).eval()


def data(n=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 2, 6, 6, generator=generator)
    maps = torch.rand(n, 6, 6, generator=generator)
    return x, torch.arange(n) % 3, maps


def direct_curve(model, x, target, one, steps, baseline, insert, logit):
    """Blacken (or show) pixels one step at a time."""
    order = one.flatten().argsort(descending=True)
    curve = []
    for step in range(steps + 1):
        chosen = order[: round(step * 36 / steps)]
        kept = torch.zeros(36, dtype=torch.bool)
        kept[chosen] = True
        kept = (kept if insert else ~kept).reshape(6, 6)
        inputs = torch.where(kept, x, torch.tensor(baseline))
        with torch.no_grad():
            scores = model(inputs[None])[0]
        curve.append(float((scores if logit else scores.softmax(0))[target]))
    area = sum((a + b) / 2 for a, b in itertools.pairwise(curve)) / steps
    return area, curve


@pytest.mark.parametrize("output", ["probability", "logit"])
@pytest.mark.parametrize("kind", [Deletion, Insertion])
def test_areas_are_those_of_a_direct_loop(kind, output):
    model, (x, target, maps) = random_net(), data()
    metric = kind(steps=7, baseline=0.3, output=output, engine=Engine(batch_size=5))
    name = kind.__name__ + (" (logit)" if output == "logit" else "")
    values = metric(Explanation(model, x, target, maps))
    assert list(values) == [name]
    curves = metric.curves(model, x, target, maps)
    for i in range(3):
        logit = output == "logit"
        settings = {"steps": 7, "baseline": 0.3, "insert": kind is Insertion, "logit": logit}
        area, curve = direct_curve(model, x[i], target[i], maps[i], **settings)
        assert values[name][i].item() == pytest.approx(area, abs=1e-5)
        torch.testing.assert_close(curves[i], torch.tensor(curve), atol=1e-5, rtol=0)


def test_curves_start_and_end_at_the_whole_and_the_empty_image():
    model, (x, target, maps) = random_net(), data()
    deletion = Deletion(steps=5).curves(model, x, target, maps)
    insertion = Insertion(steps=5).curves(model, x, target, maps)
    torch.testing.assert_close(deletion[:, 0], insertion[:, -1])
    torch.testing.assert_close(deletion[:, -1], insertion[:, 0])
    both = InsertionMinusDeletion(steps=5)(Explanation(model, x, target, maps))[
        "InsertionMinusDeletion"
    ]
    torch.testing.assert_close(both, torch.trapezoid(insertion - deletion, dx=0.2))


def test_the_best_order_of_a_linear_score_wins():
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    model = lambda u: u @ weights  # noqa: E731
    u, target = torch.ones(1, 4), torch.zeros(1, dtype=torch.long)
    good = Deletion(steps=4, output="logit")(Explanation(model, u, target, weights[None]))
    bad = Deletion(steps=4, output="logit")(Explanation(model, u, target, -weights[None]))
    # Scores 10, 6, 3, 1, 0 and 10, 9, 7, 4, 0.
    assert good["Deletion (logit)"].item() == pytest.approx((5 + 6 + 3 + 1) / 4)
    assert bad["Deletion (logit)"].item() == pytest.approx((5 + 9 + 7 + 4) / 4)


def test_neither_neighbours_nor_order_nor_monotone_changes_matter():
    model, (x, target, maps) = random_net(), data(5)
    maps = maps.round(decimals=1)  # ties
    values = Deletion(steps=6)(Explanation(model, x, target, maps))["Deletion"]
    order = torch.tensor([4, 1, 0])
    part = Deletion(steps=6)(Explanation(model, x[order], target[order], maps[order]))["Deletion"]
    torch.testing.assert_close(part, values[order])
    exp = Deletion(steps=6)(Explanation(model, x, target, maps.exp()))["Deletion"]
    torch.testing.assert_close(exp, values)


def test_ties_are_broken_at_random_not_by_position():
    x = torch.rand(400, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    ranks = descending_ranks(x, torch.zeros(400, 3, 3), seed=0)
    assert torch.equal(ranks.sort(1).values, torch.arange(9, dtype=torch.int32).expand(400, 9))
    # Each pixel comes first equally often: 44 times of 400, standard deviation 6.
    first = ranks.argmin(1).bincount(minlength=9)
    assert first.min() > 20
    assert first.max() < 70
    again = descending_ranks(x, torch.zeros(400, 3, 3), seed=0)
    assert torch.equal(ranks, again)
    assert not torch.equal(ranks, descending_ranks(x, torch.zeros(400, 3, 3), seed=1))


def test_ranks_follow_the_values():
    x, _, maps = data()
    ranks = descending_ranks(x, maps, seed=0)
    for row, one in zip(ranks, maps, strict=True):
        assert (one.flatten()[row.argsort()].diff() <= 0).all()


def test_a_map_with_nan_has_no_score_and_says_so():
    model, (x, target, maps) = random_net(), data()
    maps[1, 2, 3] = torch.nan
    with pytest.warns(UndefinedScoreWarning, match=r"Deletion does not exist for 1 of 3 .* \(1\)"):
        values = Deletion(steps=3)(Explanation(model, x, target, maps))["Deletion"]
    assert values.isnan().tolist() == [False, True, False]
    with pytest.raises(SparksError, match=r"\(3, 5, 6\) do not fit inputs: expected \(3, 6, 6\)"):
        Deletion()(Explanation(model, x, target, maps[:, 1:]))


def test_words_are_deleted_by_the_same_code():
    """The score counts token 7; deleting it first leaves least."""
    words, target = torch.tensor([[4, 7, 5, 6]]), torch.zeros(1, dtype=torch.long)
    metric = Deletion(steps=4, perturbation=Token(0), output="logit")
    maps = torch.tensor([[0.1, 0.9, 0.2, 0.3]])
    count = lambda tokens: (tokens == 7).sum(1).float()  # noqa: E731
    assert metric.curves(count, words, target, maps).tolist() == [[1, 0, 0, 0, 0]]
    assert metric.curves(count, words, target, -maps).tolist() == [[1, 1, 1, 1, 0]]
