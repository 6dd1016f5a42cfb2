"""Images under networks of all folds: who is compared with whom, streamed, and known values."""

import math
import weakref
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from sparks.attribution import Input, Random
from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks.metrics import Explanation, MuFidelity
from sparks.stability.compare import chosen_images, compare
from sparks.stability.distances import Distances
from sparks.stats import Bootstrap
from sparks_thesis.stability.rows import (
    EQUAL,
    HELD_OUT,
    UNEQUAL,
    held_out,
    pair_rows,
    tidy_pairs,
)
from sparks_thesis.stability.scored import Scored

K, SIZE = 3, 16


class Linear(nn.Module):
    """Logits of a seeded linear map."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(2, SIZE**2, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.T


def images(n: int = 30) -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (n, 1, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    return ImageSet(labels=torch.arange(n) % 2, classes=("a", "b"), images=pixels)


def run(seeds: list[int], method: Any, shard: int = 4, **more: Any) -> pd.DataFrame:
    data, folds = images(), torch.arange(30) // 2 % K
    models = [Linear(seed).eval() for seed in seeds]
    methods = method if isinstance(method, list) else [method] * K
    shards = compare(
        models, methods, data, folds, torch.arange(30), Distances(), shard=shard, **more
    )
    names = {
        "dataset": "d",
        "model": "m",
        "seed": 0,
        "method": "X",
        "degradation": "",
        "percent": 0,
    }
    return pair_rows(shards)[0].assign(**names)


def scored(pairs: pd.DataFrame) -> Scored:
    table = pd.concat([tidy_pairs(pairs, "spearman"), held_out(pairs)])
    return Scored(table, Bootstrap(resamples=20))


def gradient(model: Any, x: Tensor, target: Tensor) -> Tensor:
    return model.weight[target].reshape(-1, SIZE, SIZE)


def test_the_network_of_its_fold_is_compared_with_each_other_once():
    pairs = run([0, 1, 2], gradient)
    assert len(pairs) == 30 * (K - 1)
    assert (pairs["fold"] == pairs["image"] // 2 % K).all()
    assert (pairs["fold"] != pairs["other"]).all()
    assert not pairs.duplicated(["image", "other"]).any()


def test_distances_and_rights_are_those_of_a_direct_computation():
    pairs, data = run([0, 1, 2], gradient), images()
    models = [Linear(seed) for seed in range(K)]
    for row in pairs.sample(12, random_state=0).to_dict("records"):
        x, label = data.batch([row["image"]]), data.labels[row["image"]]
        a, b = models[row["fold"]], models[row["other"]]
        assert row["right"] == bool(a(x).argmax() == label)
        assert row["right_other"] == bool(b(x).argmax() == label)
        distances = Distances()(gradient(a, x, label[None]), gradient(b, x, label[None]))
        assert row["spearman"] == pytest.approx(distances["spearman"].item())


def test_shards_change_nothing():
    whole, parts = (run([0, 1, 2], gradient, shard=s) for s in (30, 3))
    pd.testing.assert_frame_equal(
        *(t.sort_values(["image", "other"], ignore_index=True) for t in (whole, parts))
    )


def test_identical_folds_have_mege_1():
    found = scored(run([5, 5, 5], gradient)).estimate("d", "m", "", "X", "MeGe")
    assert found.value == pytest.approx(1)
    assert math.isnan(found.interval().low)  # no image differs: nothing is known of the spread


def test_the_input_alone_has_mege_1_whatever_the_networks():
    found = scored(run([0, 1, 2], Input())).estimate("d", "m", "", "X", "MeGe")
    assert found.value == pytest.approx(1)


def test_random_maps_have_the_mean_rank_correlation_of_noise():
    """E|ρ| of independent maps of n pixels is √(2 / π) / √(n - 1): 0.8 / √n."""
    pairs = run([5, 5, 5], [Random(seed=s) for s in range(K)])
    found = scored(pairs).estimate("d", "m", "", "X", "MeGe").value
    values = 1 - pairs.query("right and right_other")["spearman"]
    assert found == pytest.approx(values.mean())
    error = values.std() / len(values) ** 0.5
    assert abs(found - 0.8 / SIZE) < 4 * error
    assert error < 0.01


def test_no_maps_of_earlier_shards_are_kept():
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    def watched(model: Any, x: Tensor, target: Tensor) -> Tensor:
        nonlocal most
        most = max(most, sum(ref() is not None for ref in alive))
        maps = gradient(model, x, target)
        alive.append(weakref.ref(maps))
        return maps

    run([0, 1, 2], watched, shard=2)
    assert len(alive) == 15 * K
    assert most < K


def test_the_class_explained_is_the_true_one_or_each_networks_own():
    asked: list[tuple[nn.Module, Tensor]] = []

    def listening(model: Any, x: Tensor, target: Tensor) -> Tensor:
        asked.append((model, target))
        assert target.tolist() == wanted(model, x)
        return gradient(model, x, target)

    data = images()

    def true(model: Any, x: Tensor) -> list[int]:
        found = [(data.batch(range(30)) == image).flatten(1).all(1).nonzero() for image in x]
        return [int(data.labels[int(i)]) for i in found]

    def own(model: Any, x: Tensor) -> list[int]:
        return [int(c) for c in model(x).argmax(1)]

    wanted: Callable[[Any, Tensor], list[int]] = true
    run([0, 1, 2], listening, target="label")
    wanted = own
    run([0, 1, 2], listening, target="predicted")
    assert len(asked) == 2 * K * 9  # three folds of ten images, four at a time


def test_metrics_are_of_the_network_that_has_not_seen_the_image():
    data, folds = images(), torch.arange(30) // 2 % K
    models = [Linear(seed).eval() for seed in range(K)]
    metric = MuFidelity(subsets=20, grid=4)
    shards = compare(
        models, [gradient] * K, data, folds, torch.arange(30), Distances(), [metric], shard=5
    )
    rows = pair_rows(shards)[1].set_index("image")["value"]
    chosen = (folds == 1).nonzero().flatten()
    x, labels = data.batch(chosen), data.labels[chosen]
    direct = metric(Explanation(models[1], x, labels, gradient(models[1], x, labels)))["MuFidelity"]
    assert torch.allclose(torch.tensor(rows[chosen.tolist()].to_numpy()).float(), direct)


def test_images_are_chosen_equally_of_folds_and_classes():
    labels, folds = torch.arange(120) % 4, torch.arange(120) // 4 % 3
    chosen = chosen_images(labels, folds, 26, seed=0)
    assert len(chosen) == 24
    assert torch.bincount(folds[chosen]).tolist() == [8, 8, 8]
    assert torch.bincount(labels[chosen]).tolist() == [6, 6, 6, 6]
    assert len(set(chosen.tolist())) == 24
    with pytest.raises(SparksError, match="2 images cannot be spread over 3 folds"):
        chosen_images(labels, folds, 2, seed=0)


def test_too_few_networks_are_refused():
    models, folds = [Linear(0), Linear(1)], torch.arange(30) % 3
    shards = compare(models, [gradient] * 2, images(), folds, torch.arange(30), Distances())
    with pytest.raises(SparksError, match="2 networks do not fit 3 folds"):
        next(shards)


def test_tidy_rows_hold_one_distance_and_no_pair_that_is_both_wrong():
    pairs = run([0, 1, 2], gradient)
    rows = tidy_pairs(pairs, "dice")
    right = pairs["right"].astype(int) + pairs["right_other"].astype(int)
    assert len(rows) == (right > 0).sum() < len(pairs)
    assert (rows["metric"] == EQUAL).sum() == (right == 2).sum()
    assert (rows["metric"] == UNEQUAL).sum() == (right == 1).sum()
    assert rows["value"].to_numpy() == pytest.approx(pairs["dice"][right > 0].to_numpy())
    images_ = held_out(pairs)
    assert len(images_) == 30
    assert (images_["metric"] == HELD_OUT).all()
