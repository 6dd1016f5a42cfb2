"""Experiments on folds: their artifacts, what joins by one line, and what is refused."""

import pytest
from composed import composed

from sparks.errors import SparksError
from sparks_thesis.pipeline import dag, grid, paths
from sparks_thesis.pipeline.selection import part
from sparks_thesis.pipeline.validate import validate

SMOKE = ("scale=smoke", "experiment=stability")
LAPTOP = ("scale=laptop", "experiment=stability")


def names(model: str = "convnet") -> dict[str, str]:
    return {"dataset": "digits", "model": model, "seed": "0", "experiment": "stability"}


def test_weights_of_every_fold_are_separate_files():
    config = composed(*LAPTOP)
    files = dag.fold_weights(config, {**names(), "label_noise": "5"})
    assert files == [
        f"results/models/digits/convnet/0/labels-5/fold-{fold}.safetensors" for fold in range(5)
    ]


def test_a_method_is_applied_to_the_networks_of_every_share_of_labels():
    inputs = dag.stability_inputs(composed(*LAPTOP), {**names(), "method": "rise"})
    assert list(inputs) == ["train", "labels_0", "labels_10", "labels_30"]
    assert all(len(files) == 5 for key, files in inputs.items() if key != "train")


def test_a_model_and_a_method_join_by_one_line_each():
    before = dag.scores(composed(*SMOKE), "stability")
    config = composed(*SMOKE, "experiments.stability.models=[convnet,convnet_small]")
    validate(config)
    after = dag.scores(config, "stability")
    new = "results/stability/digits/convnet_small/0/stability.scores.parquet"
    assert sorted(set(after) - set(before)) == [new]
    config = composed(*SMOKE, "studies.stability.methods=[gradcam,occlusion]")
    inputs = dag.stability_scores_inputs(config, names())
    assert paths.PAIRS.format(**names(), method="occlusion") in inputs["pairs"]
    assert len(inputs["pairs"]) == len(inputs["metrics"]) == 2


def test_no_model_is_trained_on_all_images():
    assert not [f for f in dag.scores(composed(*LAPTOP), "stability") if "evaluation" in f]


def test_a_method_has_its_own_settings_here_and_only_them():
    config = composed(*LAPTOP)
    keys = ("studies.stability.explain",)
    assert part(config, keys, attribution="rise")[keys[0]] == {"masks": 200}
    assert part(config, keys, attribution="saliency")[keys[0]] == {}


def test_it_can_be_run():
    """At the other scales: tests/pipeline/test_compose.py, in the nightly lane."""
    validate(composed(*SMOKE))


def test_the_paper_gets_its_architectures():
    config = composed("scale=paper", "experiment=stability")
    pairs = {(run.dataset, run.model) for run in grid.runs(config, "stability")}
    assert pairs == {
        ("cifar10", "resnet18_32"),
        ("cifar10", "hkr_convnet"),
        ("cifar10", "hkr_convnet_unconstrained"),
        ("eurosat", "resnet18_46"),
        ("fashion_mnist", "resnet18_26"),
        ("imagenet50", "resnet50_scratch"),
    }
    nets = {m: config.models[m].classifier.net for _, m in pairs if m.startswith("resnet18")}
    assert {m: (net.filters, net.dropout) for m, net in nets.items()} == {
        "resnet18_32": (32, 0.25),
        "resnet18_46": (46, 0.25),
        "resnet18_26": (26, 0.4),
    }
    stability = config.studies.stability
    assert (stability.folds, stability.noise) == (5, 0.5)
    assert list(stability.label_noise) == list(stability.randomised) == [5, 10, 30]
    explain = stability.changes
    assert explain.rise.masks == 1000
    for dataset, masks in (("imagenet50", 4000), ("cifar10", 1000)):
        found = part(config, ["studies.stability.explain"], dataset=dataset, attribution="rise")
        assert found["studies.stability.explain"] == {"masks": masks}
    assert explain.integrated_gradients.steps == explain.smoothgrad.samples == 60
    assert config.attributions.smoothgrad.method.deviation == 0.2


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("models.convnet.weights=included", "may have seen every fold"),
        ("experiments.stability.models=[mlp]", "no convolution whose weights"),
        (
            "studies.stability.folds=1",
            "studies.stability.folds=1: must be greater than or equal to 2",
        ),
        ("studies.stability.label_noise=[0,5]", "studies.stability.label_noise.0=0"),
        ("studies.stability.distance=cosine", "studies.stability.distance='cosine'"),
    ],
)
def test_what_cannot_be_run_is_refused(override: str, expected: str):
    methods = "studies.stability.methods=[saliency]"
    with pytest.raises(SparksError, match=expected.replace("[", r"\[")):
        validate(composed(*SMOKE, methods, override))
