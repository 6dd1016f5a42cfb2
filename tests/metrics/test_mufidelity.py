"""MuFidelity against a direct loop, and on maps whose score is known."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from torch import nn

from sparks.engine import Engine
from sparks.errors import SparksError
from sparks.metrics import Explanation, MuFidelity
from sparks.metrics.maps import UndefinedScoreWarning


def total(x):
    """The sum of all pixels: subsets of different sizes would confound it."""
    return x.flatten(1).sum(1)


def images(n=3, size=10):
    x = torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(0))
    return x, torch.zeros(n, dtype=torch.long)


def test_a_constant_map_has_no_score_and_a_random_one_about_zero():
    x, target = images(20, 13)  # 13 pixels do not divide by 9 cells
    for correlation in ("spearman", "pearson"):
        metric = MuFidelity(subsets=200, correlation=correlation)
        for value in (1.0, 0.1):
            with pytest.warns(UndefinedScoreWarning, match="their maps are constant"):
                score = metric(Explanation(total, x, target, torch.full((20, 13, 13), value)))[
                    "MuFidelity"
                ]
            assert score.isnan().all()
        noise = torch.rand(20, 13, 13, generator=torch.Generator().manual_seed(1))
        values = metric(Explanation(total, x, target, noise))["MuFidelity"]
        # Two random vectors of 81 cells correlate by 1/9 or so; the mean of 20 by a fifth of it.
        assert abs(values.mean()) < 0.1
        assert values.abs().max() < 0.5


def test_all_subsets_have_the_same_size():
    x, _ = images()
    subsets = MuFidelity(subsets=100, share=0.2)._subsets(x, 81)
    assert (subsets.sum(2) == 16).all()
    # Each image its own subsets, repeatable, from the content alone.
    assert not torch.equal(subsets[0], subsets[1])
    again = MuFidelity(subsets=100, share=0.2)._subsets(x.flip(0), 81)
    assert torch.equal(again.flip(0), subsets)
    # Every cell is chosen about equally often: 60 of 300, standard deviation 7.
    counts = subsets.sum((0, 1))
    assert counts.min() > 30
    assert counts.max() < 95


def test_the_exact_importances_of_a_linear_score_reach_one():
    x, target = images()
    for grid in (None, 5):
        values = MuFidelity(grid=grid)(Explanation(total, x, target, x[:, 0]))["MuFidelity"]
        torch.testing.assert_close(values, torch.ones(3), atol=1e-3, rtol=0)
        values = MuFidelity(grid=grid)(Explanation(total, x, target, -x[:, 0]))["MuFidelity"]
        torch.testing.assert_close(values, -torch.ones(3), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("correlation", "direct"), [("spearman", spearmanr), ("pearson", pearsonr)]
)
@pytest.mark.parametrize("output", ["logit", "probability"])
def test_values_are_those_of_a_direct_loop(correlation, direct, output):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(100, 8), nn.Tanh(), nn.Linear(8, 3)).eval()
    x, _ = images()
    target = torch.tensor([0, 2, 1])
    maps = torch.rand(3, 10, 10, generator=torch.Generator().manual_seed(5))
    metric = MuFidelity(
        grid=5, subsets=30, baseline=0.4, correlation=correlation, output=output,
        engine=Engine(batch_size=7),
    )  # fmt: skip
    name = "MuFidelity" if output == "logit" else "MuFidelity (probability)"
    values = metric(Explanation(model, x, target, maps))[name]

    def score(image, c):
        with torch.no_grad():
            logits = model(image[None])[0]
        return float((logits if output == "logit" else logits.softmax(0))[c])

    subsets = metric._subsets(x, 25)
    for i in range(3):
        sums, drops = [], []
        for subset in subsets[i]:
            gone = subset.reshape(5, 5).repeat_interleave(2, 0).repeat_interleave(2, 1)
            sums.append(float(maps[i][gone].double().sum()))
            masked = torch.where(gone, torch.tensor(0.4), x[i])
            drops.append(score(x[i], target[i]) - score(masked, target[i]))
        assert values[i].item() == pytest.approx(direct(sums, drops)[0], abs=1e-3)


def test_importance_is_summed_over_the_pixels_of_a_subset_or_averaged_over_each_cell():
    """On 7 pixels in 3 cells (2, 3, 2) the two differ; both against a direct loop."""
    x, target = images(size=7)
    maps = torch.rand(3, 7, 7, generator=torch.Generator().manual_seed(5))
    edges = [(0, 2), (2, 5), (5, 7)]
    found = {}
    for importance in ("sum", "mean"):
        metric = MuFidelity(grid=3, subsets=30, share=0.4, importance=importance)
        found[importance] = metric(Explanation(total, x, target, maps))["MuFidelity"]
        for i, subsets in enumerate(metric._subsets(x, 9)):
            sums, drops = [], []
            for subset in subsets.reshape(-1, 3, 3).tolist():
                inside = [
                    (slice(*edges[r]), slice(*edges[c]))
                    for r in range(3)
                    for c in range(3)
                    if subset[r][c]
                ]
                reduce = torch.sum if importance == "sum" else torch.mean
                sums.append(sum(float(reduce(maps[i][part].double())) for part in inside))
                drops.append(sum(float(x[i, 0][part].double().sum()) for part in inside))
            expected = spearmanr(sums, drops)[0]
            assert found[importance][i].item() == pytest.approx(expected, abs=1e-2)
    assert not torch.equal(found["sum"], found["mean"])


def test_a_constant_map_has_no_score_by_sums_either_where_cells_differ():
    x, target = images(size=13)
    with pytest.warns(UndefinedScoreWarning, match="their maps are constant"):
        values = MuFidelity(importance="sum")(
            Explanation(total, x, target, torch.full((3, 13, 13), 0.1))
        )
    assert values["MuFidelity"].isnan().all()


def test_scores_that_no_subset_moves_give_nan_not_zero():
    x, target = images()
    maps = torch.rand(3, 10, 10, generator=torch.Generator().manual_seed(1))
    with pytest.warns(UndefinedScoreWarning, match="no subset moves their scores"):
        values = MuFidelity(grid=5)(Explanation(lambda z: 0 * total(z) + 2, x, target, maps))[
            "MuFidelity"
        ]
    assert values.isnan().all()
    maps[0, 0, 0] = torch.nan
    with pytest.warns(UndefinedScoreWarning, match="1 of 3 inputs"):
        values = MuFidelity(grid=5)(Explanation(total, x, target, maps))["MuFidelity"]
    assert values.isnan().tolist() == [True, False, False]


def test_memory_is_bounded_by_taking_fewer_images_at_once(monkeypatch):
    x, target = images()
    maps = torch.rand(3, 10, 10, generator=torch.Generator().manual_seed(1))
    values = MuFidelity(grid=5)(Explanation(total, x, target, maps))["MuFidelity"]
    monkeypatch.setattr("sparks.metrics.mufidelity.MEMORY", 1)
    torch.testing.assert_close(
        MuFidelity(grid=5)(Explanation(total, x, target, maps))["MuFidelity"], values
    )


def test_vectors_are_scored_as_images_are():
    u = torch.rand(2, 20, generator=torch.Generator().manual_seed(0))
    values = MuFidelity()(Explanation(lambda z: z.sum(1), u, torch.zeros(2, dtype=torch.long), u))[
        "MuFidelity"
    ]
    torch.testing.assert_close(values, torch.ones(2), atol=1e-3, rtol=0)
    assert np.isfinite(values.numpy()).all()


def test_bad_arguments_are_refused():
    x, target = images()
    with pytest.raises(SparksError, match=r"share of 0.01 of 25 features is none or all"):
        MuFidelity(grid=5, share=0.01)(Explanation(total, x, target, x[:, 0]))
    with pytest.raises(SparksError, match="correlation='kendall'"):
        MuFidelity(grid=5, correlation="kendall")
