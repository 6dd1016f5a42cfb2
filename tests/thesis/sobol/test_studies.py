"""The studies of Sobol's chapter, on linear networks whose indices are known."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from sparks.attribution import RISE, Occlusion, Sobol
from sparks.engine import Baseline
from sparks.metrics import Deletion, Explanation
from sparks.sensitivity.accuracy import FUNCTIONS, SAMPLERS, estimates
from sparks.stats import spearman
from sparks_thesis.sobol.claims_samplers import SHUFFLED
from sparks_thesis.sobol.study_budget import BudgetStudy
from sparks_thesis.sobol.study_functions import FunctionsStudy
from sparks_thesis.sobol.study_indices import both_orders
from sparks_thesis.sobol.study_samplers import SamplersStudy

X = 0.2 + 0.8 * torch.rand(2, 1, 2, 2, generator=torch.Generator().manual_seed(0))
TARGET = torch.tensor([0, 1])
WEIGHTS = torch.tensor([[1.0, 2.0, 3.0, 4.0], [4.0, -1.0, 2.0, 0.5]])
# Removed pixels are black: a logit is then a sum over cells, so that indices have a closed form.
METHOD = Sobol(grid=2, points=64, perturbation=Baseline(0.0), output="logit")


@pytest.fixture
def linear():
    """A network whose logits are weighted sums of four pixels."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False)).eval()
    with torch.no_grad():
        model[1].weight.copy_(WEIGHTS)
    return model


def known():
    """The indices, first order and total alike, of both images."""
    terms = (WEIGHTS[TARGET] * X.flatten(1)) ** 2
    return terms / terms.sum(1, keepdim=True)


def test_both_orders_are_those_of_a_sum(linear):
    method = replace(METHOD, points=1024)
    rows = both_orders(method, linear, X, TARGET, seed=0).table(seed=0)
    for metric in ("FirstOrder", "TotalOrder"):
        found = rows[rows["metric"] == metric].pivot_table("value", "image", "cell").to_numpy()
        assert found == pytest.approx(known().numpy(), abs=0.05)


def test_images_have_designs_of_their_own(linear):
    twice = X[:1].expand(2, -1, -1, -1)
    rows = both_orders(METHOD, linear, twice, TARGET[:1].expand(2), seed=0).table(seed=0)
    first, second = (rows[rows["image"] == i]["value"].to_numpy() for i in range(2))
    assert (first != second).any()


def test_a_larger_design_is_nearer_to_the_reference_and_the_default_agrees_with_itself(linear):
    study = SamplersStudy(method=METHOD, points=(8, 128), reference=512, images=2, seed=0)
    totals = study.totals(linear, X, TARGET, 512, shift=4)["jansen"]
    assert totals.numpy() == pytest.approx(known().numpy(), abs=0.03)
    rows = study.run(linear, X, TARGET).table(seed=0)
    default = rows[(rows["method"] == SAMPLERS[0].label) & (rows["estimator"] == "jansen")]
    assert (default[default["metric"] == "DefaultSpearman"]["value"] == 1).all()
    again = rows[rows["method"] == f"{SAMPLERS[0].label}, another seed"]
    assert len(again) == len(rows[rows["method"] == SAMPLERS[0].label])
    shuffled = rows[rows["method"] == SHUFFLED]
    assert set(shuffled["points"]) == {8, 128}
    assert (shuffled["value"] < 0.9).all()  # the order of the cells is lost
    error = default[default["metric"] == "RelativeError"].groupby("points")["value"].mean()
    assert error[128] < error[8]
    small = study.totals(linear, X, TARGET, 8, shift=0)["jansen"]
    own = default[(default["points"] == 8) & (default["metric"] == "ReferenceSpearman")]
    assert own["value"].tolist() == pytest.approx(spearman(small, totals).tolist())


def test_deviations_of_functions_are_those_of_their_estimates():
    rows = (
        FunctionsStudy(
            points=(8, 16), repeats=3, interaction_points=64, interaction_repeats=30, seed=5
        )
        .run()
        .table(seed=5)
    )
    gaps = rows[rows["metric"] == "TotalMinusFirst"].groupby("dataset")["value"].mean()
    rows = rows[rows["metric"] != "TotalMinusFirst"]
    # Of Ishigami's inputs, two have an interaction of .244 and one has none.
    assert gaps["Ishigami, d = 3"] == pytest.approx(2 * 0.2437 / 3, abs=0.06)
    assert gaps["additive, d = 64"] == pytest.approx(0, abs=0.12)
    assert set(rows["dataset"]) == set(FUNCTIONS)
    assert set(rows["method"]) == {sampler.label for sampler in SAMPLERS}
    name, function = next(iter(FUNCTIONS.items()))
    _, true = function.indices()
    for estimator, total in estimates(function, SAMPLERS[0], 16, 3, 5).items():
        gaps = (total - true).numpy() / float(true.mean())
        own = rows[(rows["dataset"] == name) & (rows["method"] == SAMPLERS[0].label)]
        own = own[(own["points"] == 16) & (own["estimator"] == estimator)]
        errors = own[own["metric"] == "RelativeError"]["value"]
        assert errors.to_numpy() == pytest.approx(abs(gaps).mean(1))
        (bias,) = own[own["metric"] == "IndexBias"]["value"]
        assert bias == pytest.approx(abs(gaps.mean(0)).mean())


def test_methods_spend_what_they_may_and_are_scored_as_by_hand():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval()
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    methods = {"RISE": RISE(grid=4), "Occlusion": Occlusion(grid=4), "Sobol": Sobol(grid=4)}
    metric = Deletion(steps=4)
    study = BudgetStudy(methods=methods, metrics={"d": metric}, forwards=(60, 144, 300), images=2)
    planned = study.planned(8)
    # Occlusion has one budget on its grid; Sobol needs 8 (4² + 2) passes to keep it.
    assert [label for label, _ in planned] == ["RISE"] * 3 + ["Occlusion"] + ["Sobol"] * 2
    scores, costs = study.run(model, x, TARGET)
    rows = scores.table(seed=0)
    spent = rows.groupby("method")["forwards"].unique()
    for label, budgets in (("RISE", (60, 144, 300)), ("Sobol", (144, 300))):
        assert len(spent[label]) == len(budgets)
        assert all(n <= budget for n, budget in zip(spent[label], budgets, strict=True))
    assert len(costs.table(seed=0)) == len(planned)
    fitted = planned[0][1]
    wanted = metric(Explanation(model, x, TARGET, fitted(model, x, TARGET)))["Deletion"]
    own = rows[(rows["method"] == "RISE") & (rows["forwards"] == spent["RISE"][0])]
    assert own["value"].tolist() == pytest.approx(wanted.tolist())
