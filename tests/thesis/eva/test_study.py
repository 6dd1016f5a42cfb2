"""EVA's study on a small dense network: which rows it records, and what must hold of them."""

import pytest
import torch
from torch import nn

from sparks.attribution import EVA, Saliency
from sparks.engine import Baseline, Uniform
from sparks.metrics import Deletion, Explanation, RobustnessSr
from sparks.verification import Attack
from sparks_thesis.eva.study import Detailed, EvaStudy, Stronger, Verified
from sparks_thesis.eva.study_optimal import OptimalStudy

# The searches are short, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::sparks.metrics.robustness.ResolutionWarning")

N = 3
METRIC = Deletion(steps=4, perturbation=Uniform(seed=1))
STUDY = EvaStudy(
    eva=EVA(epsilon=0.1, grid=4),
    methods={"Saliency": Saliency()},
    metrics={"deletion": METRIC},
    removals={"black": Baseline(0.0)},
    robustness=RobustnessSr(shares=(0.5,), bisections=2, attack=Attack(steps=2)),
    stronger=Stronger(steps=5, images=1),
    verified=Verified(radii=(0.05, 0.2), attack=Attack(steps=10), samples=20),
    detailed=Detailed(models=("watched",), explored=0.1, toward=0.2),
    images=N,
    large_images=2,
    seed=0,
)


def network(side=8):
    torch.manual_seed(0)
    layers = (nn.Flatten(), nn.Linear(side * side, 6), nn.ReLU(), nn.Linear(6, 3))
    return nn.Sequential(*layers).eval()


def images(n, side=8):
    return torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def measured():
    """The model, images, classes, what was measured and its rows."""
    model, x = network(), images(N + 2)
    target = model(x).argmax(1)
    found = STUDY.run("watched", model, x, target)
    return model, x[:N], target[:N], found, found.scores.table(seed=0)


def test_methods_are_scored_as_by_hand_under_both_removals(measured):
    model, x, target, found, rows = measured
    maps = Saliency()(model, x, target)
    assert torch.equal(found.kept["maps/Saliency"], maps)
    assert torch.equal(found.kept["images"], x)
    plain = rows[(rows["method"] == "Saliency") & (rows["metric"] == "Deletion")]
    for removal, perturbation in (("", Uniform(seed=1)), ("black", Baseline(0.0))):
        metric = Deletion(steps=4, perturbation=perturbation)
        wanted = metric(Explanation(model, x, target, maps))["Deletion"]
        values = plain[plain["baseline"] == removal]["value"]
        assert values.tolist() == pytest.approx(wanted.tolist())
    labels = {"Saliency", "EVA", "EVA (unclipped)", "EVA (sampled)"}
    assert set(rows["method"]) == labels
    assert set(found.costs.table(seed=0)["method"]) == labels


def test_what_samples_and_attacks_find_is_below_what_bounds_prove(measured):
    *_, rows = measured
    certified = rows[rows["epsilon"].notna()]
    wide = certified.pivot_table(index=["epsilon", "image"], columns="metric", values="value")
    assert len(wide) == 2 * N
    assert (wide["SampledOverlap"] <= wide["AttackedOverlap"] + 1e-5).all()
    assert (wide["AttackedOverlap"] <= wide["CertifiedOverlap"] + 1e-5).all()
    small, large = (wide.loc[radius]["CertifiedOverlap"] for radius in (0.05, 0.2))
    assert (small < large).all()


def test_only_some_networks_are_asked_in_detail(measured):
    model, x, target, found, rows = measured
    assert {"IBP", "Forward", "Backward"} < set(rows["bound"])
    assert {"toward", "targeted/add", "explored/slice"} < set(found.kept)
    other = STUDY.run("another", model, x[:1], target[:1])
    assert set(other.scores.table(seed=0)["bound"]) == {""}
    assert not [name for name in other.kept if name.startswith(("toward", "targeted", "explored"))]


def test_fewer_of_large_images_are_explained():
    model, x = network(33), images(3, 33)
    found = STUDY.run("another", model, x, model(x).argmax(1))
    assert len(found.kept["target"]) == STUDY.large_images


def test_no_subset_is_better_than_the_best_and_none_than_a_linear_networks_first_inputs():
    study = OptimalStudy(networks=3, inputs=3, hidden=4, epsilon=0.3, cuts=4, seed=0)
    rows = study.run().table(seed=0)
    wide = rows.pivot_table(
        index=["architecture", "subset", "repeat"], columns="metric", values="value"
    )
    assert len(wide) == 2 * 2 * 3
    assert (wide["SubsetOverlap"] <= wide["BestOverlap"] + 1e-9).all()
    assert (wide["ArbitraryOverlap"] <= wide["BestOverlap"]).all()
    assert (wide["ArbitraryOverlap"] < wide["BestOverlap"] - 1e-6).any()
    linear = wide.loc["linear"]
    assert linear["SubsetOverlap"].to_numpy() == pytest.approx(linear["BestOverlap"].to_numpy())
