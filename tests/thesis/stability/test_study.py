"""The study of stability and its trainings, against the library called condition by condition."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from sparks.attribution import Random, Saliency
from sparks.data import ImageSet
from sparks.metrics import Complexity
from sparks.models import Classifier, seeded
from sparks.stability.compare import chosen_images, compare
from sparks.stability.distance_sensitivity import REPEATS, STEPS
from sparks.stability.distances import Distances
from sparks.stability.folds import add_label_noise, stratified_folds
from sparks.training import Settings, derive, fit, predict
from sparks_thesis.stability.rows import LABELS, SAME, WEIGHTS, joined, pair_rows
from sparks_thesis.stability.study import StabilityStudy
from sparks_thesis.stability.study_distances import distances_under_change
from sparks_thesis.stability.study_folds import FoldTraining

K, N, SIDE = 3, 30, 12


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (N, 1, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    return ImageSet(torch.arange(N) % 2, ("a", "b"), pixels)


def build(seed):
    with seeded(seed):
        layers = (nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten())
        net = nn.Sequential(*layers, nn.Linear(3 * SIDE * SIDE, 2))
        return Classifier(net, 1).eval()


def load(percent) -> Iterator[Classifier]:
    """Networks of all folds, others for every share of wrong labels."""
    return (build(100 * percent + fold) for fold in range(K))


def study(method, **other):
    settings = {
        "folds": K,
        "label_noise": (10,),
        "randomised": (20,),
        "noise": 0.5,
        "common_seed": False,
        "images": 12,
        "target": "label",
        "distances": Distances(),
        "metrics": {"complexity": Complexity()},
        "seed": 4,
    }
    return StabilityStudy(method=method, **(settings | other))


def test_each_condition_is_what_the_library_gives_for_its_networks(images):
    pairs, metrics = study(Saliency()).run(images, load, model="m")
    assert set(pairs["degradation"]) == {"", LABELS, WEIGHTS}
    assert set(pairs["model"]) == {"m"}
    folds = stratified_folds(images.labels, K, 4)
    chosen = chosen_images(images.labels, folds, 12, 4)
    for percent, degradation in ((0, ""), (10, LABELS)):
        shards = compare(
            list(load(percent)), [Saliency()] * K, images, folds, chosen, Distances(),
            [Complexity()],
        )  # fmt: skip
        for made, wanted in zip((pairs, metrics), pair_rows(shards), strict=True):
            own = made[(made["degradation"] == degradation) & (made["percent"] == percent)]
            assert own[list(wanted)].reset_index(drop=True).equals(wanted)
    plain, noisy = (pairs[pairs["degradation"] == d]["spearman"] for d in ("", WEIGHTS))
    assert (plain.to_numpy() != noisy.to_numpy()).any()


def test_noise_of_a_method_is_measured_where_it_draws(images):
    random = study(Random(seed=5), label_noise=(), randomised=())
    assert [method.seed for method in random.methods] == [5, 6, 7]
    pairs, metrics = random.run(images, load)
    assert set(pairs["degradation"]) == {"", SAME}
    assert set(metrics["degradation"]) == {""}
    common = study(Random(seed=5), common_seed=True, label_noise=(), randomised=())
    assert {method.seed for method in common.methods} == {5}
    pairs, _ = common.run(images, load)
    assert set(pairs["degradation"]) == {""}
    assert pairs["l2"].max() == 0  # the same map from every network
    assert study(Saliency()).count() == len(list(study(Saliency()).conditions(load))) == 3


def test_shards_together_are_the_whole(images):
    whole = study(Saliency()).run(images, load)
    halves = [
        study(Saliency()).run(images, load, lambda n, part=part: slice(2 * part, 2 * part + 2))
        for part in range(2)
    ]
    for made, *parts in zip(whole, *halves, strict=True):
        assert joined(parts).equals(joined([made]))
    assert joined([whole[0].iloc[:0], whole[0]]).equals(joined([whole[0]]))


SETTINGS = Settings(epochs=2, batch_size=4, precision="fp32", validation=0.3)


@pytest.mark.parametrize("together", [True, False])
def test_networks_learn_without_their_fold_and_on_wrong_labels(images, tmp_path, together):
    training = FoldTraining(
        build=build, training=SETTINGS, loss=None, folds=K, percent=20, together=together,
        seed=2, device="cpu",
    )  # fmt: skip
    checkpoints = [tmp_path / f"{fold}" for fold in range(K)]
    models, history = training.run(images, checkpoints, model="m")
    folds = stratified_folds(images.labels, K, 2)
    labels = add_label_noise(images.labels, 0.2, 2, 2)
    noisy = ImageSet(labels, images.classes, images.images)
    fold = 1
    own = build(derive(2, fold))
    alone = Settings(epochs=2, batch_size=4, precision="fp32", validation=0.0)
    kept = (folds != fold).nonzero().flatten()
    fit(own, noisy.subset(kept), None, alone, derive(2, fold), "cpu")
    held_out = images.subset((folds == fold).nonzero().flatten())
    logits = predict(own, held_out)
    torch.testing.assert_close(predict(models[fold], held_out), logits, atol=1e-4, rtol=1e-4)
    rows = history[history["fold"] == fold]
    assert rows["epoch"].tolist() == [1, 2]
    right = (logits.argmax(1) == held_out.labels).double().mean()
    assert rows["accuracy"].tolist() == pytest.approx([float(right)] * 2)
    assert set(history["percent"]) == {20}
    assert rows["images"].tolist() == [len(held_out)] * 2


def test_without_change_no_distance_and_every_distance_is_there():
    distances = Distances()
    rows = distances_under_change(distances, [0.0, 0.3], seed=0).table(seed=0)
    for change, n in (("shift", STEPS), ("noise", 2 * REPEATS)):
        counts = rows[rows["change"] == change].groupby("method").size()
        assert set(counts) == {n}
        assert {"spearman", "l2"} < set(counts.index)
    still = rows[rows["amount"] == 0]
    assert still["value"].to_numpy() == pytest.approx(0, abs=1e-6)
    noise = rows[(rows["change"] == "noise") & (rows["amount"] == 0.3)]
    assert (noise["value"] > 0).all()
