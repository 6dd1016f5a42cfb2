"""Composition: overrides reach what they name, and what cannot be is refused in one line."""

import shutil

import pytest
from composed import composed
from omegaconf import OmegaConf

from sparks.errors import SparksError
from sparks_thesis.pipeline import cost_estimate, grid
from sparks_thesis.pipeline.compose import compose, overrides_from
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.pipeline.selection import part
from sparks_thesis.pipeline.validate import validate, validate_names
from sparks_thesis.settings.options import OPTIONS


def refused(*overrides, snakemake=None):
    with pytest.raises(SparksError) as caught:
        validate(compose(overrides_from(snakemake or {"overrides": list(overrides)})))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("scale", sorted(f.stem for f in (CONFIG / "scale").glob("*.yaml")))
def test_every_scale_is_valid(scale):
    config = composed(f"scale={scale}")
    validate_names(config, OmegaConf.to_container(config, resolve=True))
    assert config.scale.name == scale


@pytest.mark.nightly
@pytest.mark.parametrize("scale", sorted(f.stem for f in (CONFIG / "scale").glob("*.yaml")))
def test_everything_of_every_scale_can_be_built_and_tried(scale):
    """At scale paper, a minute: twenty published architectures."""
    every = sorted(f.stem for f in (CONFIG / "experiment").glob("*.yaml"))
    validate(composed(f"scale={scale}", f"experiment=[{','.join(every)}]"))


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted(f.stem for f in (CONFIG / "experiment").glob("*.yaml")))
def test_every_experiment_is_valid_alone(name):
    config = compose([f"experiment={name}"])
    validate_names(config, OmegaConf.to_container(config, resolve=True))
    assert list(config.experiments) == [name]


def test_every_file_is_an_option_under_its_name():
    config = composed()
    for group in OPTIONS:
        files = sorted(file.stem for file in (CONFIG / group).glob("*.yaml"))
        assert sorted(config[f"{group}s"]) == files
        assert all(config[f"{group}s"][name].name == name for name in files)


def test_snakemakes_config_becomes_overrides():
    given = {"scale": "smoke", "seed": 1, "overrides": ["experiment=sobol", "training.epochs=3"]}
    assert overrides_from(given) == [
        "scale=smoke",
        "seed=1",
        "experiment=sobol",
        "training.epochs=3",
    ]
    config = composed(*overrides_from(given))
    assert (config.scale.name, config.seed, config.training.epochs) == ("smoke", 1, 3)
    assert list(config.experiments) == ["sobol"]


def test_a_part_holds_what_was_asked_with_the_selected_options():
    config = composed("scale=smoke")
    of_digits = part(config, ("model", "seed"), dataset="digits", model="mlp", seed="7")
    of_chimera = part(config, ("model", "seed"), dataset="chimera", model="mlp", seed="8")
    assert set(of_digits) == {"model", "seed"}
    sizes = [of["model"]["classifier"]["net"]["image_size"] for of in (of_digits, of_chimera)]
    assert sizes == [8, 64]
    assert (of_digits["seed"], of_chimera["seed"]) == (7, 8)


def test_the_seed_of_one_job_is_not_that_of_the_next():
    config = composed("scale=smoke")
    before = part(config, ("dataset", "seed"), dataset="chimera")
    part(config, ("model", "seed"), dataset="digits", model="mlp", seed="7")
    assert part(config, ("dataset", "seed"), dataset="chimera") == before
    assert (config.seed, config.dataset.name, config.model.name) == (0, "digits", "convnet")


def test_an_override_changes_the_part_of_its_option_alone():
    def parts(*overrides):
        config = composed("scale=smoke", *overrides)
        return {
            name: part(
                config, ("attribution",), dataset="digits", model="convnet", attribution=name
            )
            for name in config.attributions
        }

    before, after = parts(), parts("attributions.sobol.method.grid=5")
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["sobol", "sobol_published"]  # which follows it


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.epoch=3", ["training.epoch", "allowed under training", "epochs"]),
        ("trainin.epochs=3", ["trainin", "training"]),
        ("scale=large", ["scale=large", "laptop", "smoke"]),
        ("experiment=eve", ["experiment=eve", "sobol"]),
        ("study=mine", ["there is no config/study/mine.yaml", "['default']"]),
        ("training.epochs=three", ["training.epochs='three'", "int"]),
        ("training.epochs=0.5", ["training.epochs=0.5", "int"]),
        ("attributions.sobol.method.grid=many", ["attributions.sobol.method.grid='many'", "int"]),
        ("+attributions.sobol.method.gird=8", ["attributions.sobol.method.gird", "grid", "points"]),
        ("+attributions.sobol.tint=red", ["attributions.sobol.tint", "label", "method"]),
        ("attributions.sobol.method._target_=sparks.nothing.At", ["sparks.nothing.At"]),
        (
            "studies.lens.alike._target_=sparks.engine.Token",
            [
                "studies.lens.alike._target_=sparks",
                "must be sparks_thesis.lens.links.SimilarConcepts, or inherit",
            ],
        ),
        ("explain.target=best", ["explain.target='best'", "predicted", "label"]),
        ("seed=-1", ["seed=-1", "greater than or equal to 0"]),
        ("device=tpu", ["device='tpu'", "auto"]),
        ("experiments.sobol.methods=[sobl]", ["'sobl'", "sobol", "config/attribution"]),
        ("experiments.sobol.datasets=[digit]", ["'digit'", "digits"]),
        ("datasets.photographs.pretrained=convnet", ["'convnet'", "efficientnet_lite0"]),
        ("attribution=sobol", ["attributions.NAME", "experiments.NAME.methods"]),
        ("dataset.size=16", ["datasets.NAME"]),
        ("study.methods=[sobl]", ["study.methods", "'sobl'", "config/attribution"]),
        ("study.control=nothing", ["'nothing'", "config/attribution"]),
        ("study.runs=[{dataset:digit,model:mlp}]", ["study.runs", "'digit'", "digits"]),
        ("study.runs=[{dataset:digits,model:mlp}]", ["study", "'gradcam'", "'mlp'"]),
        ("study.runs=[{dataset:digits}]", ["study.runs.0", "model"]),
        (
            "studies.lipschitz.methods=[saliency]",
            ["studies.lipschitz.methods", "'smoothgrad' must"],
        ),
        ("study.limits.fastest=3", ["study.limits", "fastest_ms"]),
        ("models.resnet18_lambda_10.loss.recipe=2022", ["${models.convnet_lambda_10.loss}"]),
    ],
)
def test_refusals_name_the_key_the_value_and_what_is_allowed(override, expected):
    message = refused(override)
    assert all(word in message for word in expected), message


def test_what_is_set_of_an_experiment_that_was_not_chosen_is_refused():
    message = refused("scale=smoke", "experiment=sobol", "experiments.eva.datasets=[chimera]")
    assert "experiments.eva.datasets: this experiment was not chosen" in message
    assert "['sobol']" in message


def test_methods_that_a_kind_of_model_does_not_allow_are_left_out_and_named():
    config = compose(
        ["experiment=sobol", "shared.models=[mlp,convnet]", "shared.datasets=[digits]"]
    )
    validate(config)
    found = {job[1:] for job in grid.explanations(config, "sobol")}
    assert ("convnet", 0, "gradcam") in found
    assert ("mlp", 0, "gradcam") not in found
    assert ("mlp", 0, "guided_backprop") in found  # it has ReLUs
    [line] = cost_estimate.left_out(config)
    assert line.startswith("gradcam, gradcam_pp cannot explain mlp, which is of the kind dense")


def test_an_experiment_whose_methods_cannot_explain_its_model_is_refused():
    message = refused(
        "experiment=sobol", "shared.models=[mlp]", "experiments.sobol.methods=[gradcam]"
    )
    assert "'gradcam' cannot explain model 'mlp'" in message
    assert "convnet" in message


def test_published_weights_for_other_classes_are_refused():
    message = refused("experiment=models", "shared.models=[resnet18]")
    assert "models.resnet18.weights=null" in message
    trained = ["experiment=models", "shared.models=[resnet18]", "shared.datasets=[chimera]"]
    trained.append("models.resnet18.weights=null")
    validate(compose(trained))


@pytest.mark.parametrize("name", ["scale/broken.yaml", "metric/broken.yaml"])
def test_a_file_that_is_no_yaml_is_named_with_its_line(tmp_path, name):
    shutil.copytree(CONFIG, tmp_path / "config")
    (tmp_path / "config" / name).write_text("# @package _global_\na:\nb: 1\n  c: 2\n")
    with pytest.raises(SparksError, match=rf"{name}, line 4: this is no YAML") as refusal:
        compose(["scale=broken"] if "scale" in name else [], tmp_path / "config")
    assert "\n" not in str(refusal.value)


def test_unknown_top_level_keys_of_snakemake_are_refused():
    assert "'sclae'" in refused(snakemake={"sclae": "smoke"})


CHANGED = ["training.epochs=3", "training.weight_decay=0.2", "training.keep=best"]


@pytest.mark.parametrize(
    ("dataset", "model"),
    [
        ("chimera", "convnet"),  # the data set has epochs of its own
        ("digits", "convnet"),
        ("digits", "vit_tiny"),
        ("chimera_biased", "convnet_lambda_10"),  # the model has
        ("cat_dog", "hkr_convnet"),  # its recipe for the data set has
        ("cat_dog", "hkr_convnet_unconstrained"),  # the same, with a learning rate of its own
    ],
)
def test_what_is_said_of_training_holds_for_every_network(dataset, model):
    """Also of the script that is run alone: both compose by `settle`."""
    keys = ["training", "model.training", "studies.stability.training"]
    for overrides, expected in ((CHANGED, 3), ([], None)):
        found = part(composed(*overrides), keys, dataset=dataset, model=model)
        merged = found["training"] | found["model.training"]
        assert (merged["epochs"] == 3) == (expected == 3)
        assert (merged["weight_decay"] == 0.2) == (expected == 3)
        merged |= found["studies.stability.training"]
        assert (merged["epochs"] == 3) == (expected == 3)


def test_what_is_said_of_one_data_set_or_model_comes_before_what_is_said_of_all():
    config = composed(*CHANGED, "datasets.chimera_hard.training.epochs=7")
    for dataset, epochs in (("chimera_hard", 7), ("chimera", 3)):
        found = part(config, ["model.training"], dataset=dataset, model="convnet")
        assert found["model.training"]["epochs"] == epochs
        assert found["model.training"]["crop_area"] == [0.15, 1.0]  # of which nothing was said


def test_texts_have_no_mirror_image_whatever_is_said_of_images():
    config = composed("training.flip=true", "training.shift=2", "training.precision=bf16")
    assert dict(config.words.training) == {
        "precision": "bf16", "flip": False, "shift": 0, "keep": "best"
    }  # fmt: skip
