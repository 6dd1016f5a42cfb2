"""Work counted by the plan, against counts by hand on grids of one cell."""

import json

import pytest
import torch
from composed import composed

from sparks.models.counting import Counting
from sparks_thesis.pipeline import cost_estimate
from sparks_thesis.pipeline.factories import build, classifier
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.pipeline.selection import part

ONE = [
    "scale=smoke",
    "experiment=sobol",
    "shared.datasets=[chimera]",
    "shared.models=[convnet]",
    "experiments.sobol.metrics=[fidelity]",
    "datasets.chimera.training.epochs=3",
    "shared.n_train=200",
    "explain.n=10",
]


def planned(*overrides):
    return {job.rule: job for job in cost_estimate.work(composed(*ONE, *overrides))}


def test_training_and_one_method():
    jobs = planned("experiments.sobol.methods=[sobol]", "shared.grid=4", "shared.sobol_points=8")
    assert jobs["train"].backward == 3 * 200
    assert jobs["attribute"].forward == 10 * 8 * (4 * 4 + 2)
    assert jobs["attribute"].backward == 0
    # Deletion, Insertion and MuFidelity.
    assert jobs["score"].forward == 10 * (2 * 5 + 20)
    assert jobs["attribute"].megabytes == pytest.approx(10 * 64 * 64 * 4 / 1e6)


def test_a_data_set_is_counted_with_what_the_scale_has_for_it():
    own = "+per_dataset.chimera={explain:{n:3},shared:{curve_steps:7,rise_masks:11}}"
    asked = [
        own,
        "experiments.sobol.methods=[rise]",
        "experiments.sobol.metrics=[fidelity,stability]",
    ]
    excluded = "experiments.sobol.exclude=[{dataset:chimera,metric:stability}]"
    jobs = planned(*asked, excluded)
    assert jobs["attribute"].forward == 3 * 11
    assert jobs["score"].forward == 3 * (2 * 7 + 20)
    assert planned(*asked)["score"].forward > jobs["score"].forward


SEARCHES = {"eva", "eva_conv", "eva_hybrid", "greedy_as", "greedy_ao", "concepts"}
OF_CHANNELS = {"scorecam", "ablationcam", "sise"}  # how many depends on the network
# Done by Captum. The estimate takes one pass for them; DeepLIFT makes two, and LRP is not for this
# network.
BY_CAPTUM = {"deeplift", "lrp"}


@pytest.mark.parametrize("name", sorted(file.stem for file in CONFIG.glob("attribution/*.yaml")))
def test_passes_of_a_method_are_those_that_it_makes(name):
    few = ["rise_masks=40", "hsic_masks=40", "lime_samples=40", "shap_samples=40"]
    few += ["sobol_points=2", "grid=4", "gradient_samples=6"]
    config = composed("scale=smoke", *(f"shared.{one}" for one in few))
    names = {"dataset": "chimera", "model": "convnet", "attribution": name}
    found = part(config, ["attribution.method", "model.classifier"], **names)
    estimated = cost_estimate.passes(found["attribution.method"])
    if name in SEARCHES | BY_CAPTUM:
        assert estimated == (0, name in BY_CAPTUM)
        return
    model, method = (
        classifier(found["model.classifier"], seed=0),
        build(found["attribution.method"]),
    )
    x, counting = torch.rand(2, 3, 64, 64), Counting(model.eval())
    with counting:
        method(model, x, torch.tensor([0, 1]))
    backward = counting.backwards / len(x)
    forward = counting.forwards / len(x) - backward  # those that nothing comes back of
    if name in OF_CHANNELS:
        assert forward >= estimated[0]
        return
    # Some score the whole image and the black one besides their masks, or try the network first.
    assert estimated[0] <= forward <= estimated[0] + 4
    assert backward == pytest.approx(estimated[1], abs=0)


def test_folds_are_trained_and_explained_for_every_condition():
    asked = ["datasets.chimera.training.epochs=3", "experiments.stability.datasets=[chimera]"]
    config = composed("scale=smoke", "experiment=stability", "shared.n_train=200", *asked)
    jobs = list(cost_estimate.work(config))
    [trained] = [job for job in jobs if job.rule == "train_folds"]
    # Two folds, labels right and 30 % wrong; each network sees half of the images.
    assert trained.backward == 2 * 2 * 3 * 100
    gradcam = max(jobs, key=lambda job: job.backward if job.rule == "stability" else 0)
    # And 30 % of the weights noisy: 3 conditions × 2 folds × 10 images.
    assert gradcam.backward == 3 * 2 * 10


def test_studies_of_set_passes_are_counted():
    asked = ["experiment=[people,sobol]", "experiments.people.datasets=[chimera]"]
    asked += ["experiments.people.models=[convnet]", "studies.people.images=7", "explain.n=5"]
    asked += ["studies.people.methods=[rise,saliency,random]", "shared.rise_masks=11"]
    asked += ["studies.budget.methods=[rise,sobol]", "studies.budget.forwards=[10,30]"]
    jobs = {job.rule: job for job in cost_estimate.work(composed(*ONE, *asked))}
    assert (jobs["people"].forward, jobs["people"].backward) == (5 * 11, 5 * 1)
    assert jobs["budget"].forward == 4 * 2 * (10 + 30)  # of four images


def test_hours_are_passes_over_measured_rates(tmp_path, monkeypatch):
    rates = tmp_path / "rates.json"
    networks = {"chimera/convnet": {"forward": 2.0, "backward": 1.0}}
    text = {"machine": "a slow GPU", "device": "cuda", "networks": networks}
    rates.write_text(json.dumps(text))
    monkeypatch.setattr(
        cost_estimate, "RATES", (tmp_path / "none", *cost_estimate.RATES[1:2], rates)
    )
    config = composed(*ONE, "experiments.sobol.methods=[random]")
    budgets = 4 * 6 * (72 + 144)  # of the study: images, methods, passes
    hours = (3 * 200 / 1.0 + (10 * 30 + budgets) / 2.0) / 3600
    assert f"about {hours:,.1f} GPU-hours on a slow GPU" in cost_estimate.summary(config, gpu=True)
    assert "core-hours on one core of" in cost_estimate.summary(config)
    monkeypatch.setattr(cost_estimate, "RATES", (rates,))
    lines = cost_estimate.summary(config)
    assert "core-hours on a machine that was not measured" in lines
    assert "not in the rates, so not in the hours: chimera/convnet" in lines
