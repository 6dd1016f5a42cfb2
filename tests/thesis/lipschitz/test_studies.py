"""The studies of 1-Lipschitz networks, on small networks."""

import pytest
import torch
from sklearn.svm import SVC

from sparks.attribution import Saliency, SmoothGrad
from sparks.data import ImageSet
from sparks.lipschitz import HKR, snowflakes
from sparks.metrics import Deletion, Explanation
from sparks.training import Settings
from sparks_thesis.lipschitz.measure import followed, null_shares
from sparks_thesis.lipschitz.study import LipschitzStudy
from sparks_thesis.lipschitz.study_snowflakes import SnowflakesStudy

from ..common.rows import values

N = 4
METRIC = Deletion(steps=3)
STUDY = LipschitzStudy(
    methods={"Saliency": Saliency(), "SmoothGrad": SmoothGrad(samples=3)},
    metrics={"Deletion": {"condition": "black", "metric": METRIC}},
    attack={"steps": 5, "restarts": 1},
    rounds=2,
    tops=(10.0, 50.0),
    steps=(0.0, 2.0),
    kept=2,
    seed=1,
)


@pytest.fixture(scope="module")
def measured(networks, digits, images):
    """A network, images with a null block, and what the study says of them."""
    model, x = networks["dense", True], images[:N]
    null = torch.zeros(len(images), 8, 8, dtype=torch.bool)
    null[:, :3] = True
    pixels = (255 * images).round().byte()
    test = digits["test"]
    known = ImageSet(test.labels[: len(images)], test.classes, pixels, truth={"null": null})
    target = model(x).argmax(1)
    train = digits["train"].subset(range(200))
    numbers, kept = STUDY.run(model, x, target, known, train)
    return model, x, target, train, numbers.table(seed=0), kept


def test_maps_are_scored_as_by_hand(measured):
    model, x, target, _, rows, kept = measured
    maps = Saliency()(model, x, target)
    torch.testing.assert_close(kept["maps.Saliency"], maps[:2])
    wanted = METRIC(Explanation(model, x, target, maps))["Deletion"]
    found = values(rows, "Deletion", method="Saliency", baseline="black")
    assert found == pytest.approx(wanted.numpy())
    null = torch.zeros(N, 8, 8, dtype=torch.bool)
    null[:, :3] = True
    for top, share in null_shares(maps, null, STUDY.tops).items():
        found = values(rows, "NullBlockRate", method="Saliency", top=top)
        assert found == pytest.approx(share.numpy())
    distances = set(rows[rows["metric"] == "SaliencySmoothGradDistance"]["distance"])
    assert distances == {"l2", "l2, scaled", "1 - Spearman"}


def test_certificates_hold_against_attacks(measured):
    *_, rows, _ = measured
    radius, attack = values(rows, "CertifiedRadius"), values(rows, "AttackNorm")
    assert ((radius <= attack) | (attack != attack)).all()


def test_counterfactuals_are_judged_by_a_classifier_of_pixels(measured):
    model, x, target, train, rows, kept = measured
    pixels = train.batch(range(200)).flatten(1).numpy()
    judge = SVC(random_state=1).fit(pixels, train.labels.numpy())
    changes, walked = followed(model, judge, x, target, STUDY.steps, STUDY.seed)
    for t, found in changes.items():
        for metric, wanted in found.items():
            assert values(rows, metric, t=t) == pytest.approx(wanted.numpy())
    assert torch.equal(kept["walked"], walked[:, :2])
    with torch.no_grad():
        torch.testing.assert_close(kept["logits"][1], model(walked[1, :2]))


def test_snowflakes_are_separated_and_only_one_network_is_constrained():
    study = SnowflakesStudy(
        points=150, inner=1.0, outer=2.0, order=2, hidden=(16, 16),
        loss=HKR(alpha=0.98, margin=0.6),
        training=Settings(epochs=40, batch_size=50, lr=0.01, weight_decay=0, precision="fp32",
                          validation=0),
        grid=5, seed=0,
    )  # fmt: skip
    numbers, kept = study.run()
    rows = numbers.table(seed=0)
    for name in ("hkr_dense", "hkr_dense_unconstrained"):
        assert values(rows, "Accuracy", model=name).mean() > 0.9
        assert kept[f"{name}.levels"].shape == (5, 5)
    assert values(rows, "GradientNorm", model="hkr_dense").max() <= 1 + 1e-4
    assert values(rows, "GradientNorm", model="hkr_dense_unconstrained").max() > 1.5
    assert torch.equal(kept["points"], snowflakes(150, 1.0, 2.0, 2, seed=0).points)
