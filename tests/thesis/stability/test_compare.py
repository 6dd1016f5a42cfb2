"""Pairs of networks of all folds as tables: who is compared with whom, and known values."""

import math
from typing import Any

import pandas as pd
import pytest
import torch
from stability.nets import FOLDS, SIZE, K, Linear, gradient, images, shards

from sparks.attribution import Input, Random
from sparks.metrics import Explanation, MuFidelity
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


def run(seeds: list[int], method: Any, shard: int = 4) -> pd.DataFrame:
    names = {
        "dataset": "d",
        "model": "m",
        "seed": 0,
        "method": "X",
        "degradation": "",
        "percent": 0,
    }
    return pair_rows(shards(seeds, method, shard=shard))[0].assign(**names)


def scored(pairs: pd.DataFrame) -> Scored:
    table = pd.concat([tidy_pairs(pairs, "spearman"), held_out(pairs)])
    return Scored(table, Bootstrap(resamples=20))


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


def test_metrics_are_of_the_network_that_has_not_seen_the_image():
    data, model, metric = images(), Linear(1).eval(), MuFidelity(subsets=20, grid=4)
    rows = pair_rows(shards([0, 1, 2], gradient, [metric], shard=5))[1]
    rows = rows.set_index("image")["value"]
    chosen = (FOLDS == 1).nonzero().flatten()
    x, labels = data.batch(chosen), data.labels[chosen]
    direct = metric(Explanation(model, x, labels, gradient(model, x, labels)))["MuFidelity"]
    assert torch.allclose(torch.tensor(rows[chosen.tolist()].to_numpy()).float(), direct)


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
