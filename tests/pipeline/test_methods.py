"""Lists of methods are names; changes stand beside them, and mistakes are refused by name."""

import shutil

import pytest
from composed import composed
from omegaconf import OmegaConf

from sparks.errors import SparksError
from sparks_thesis.common.settings import defaults
from sparks_thesis.eva.claims import SIGN
from sparks_thesis.eva.settings import Eva
from sparks_thesis.holistic.settings import Holistic
from sparks_thesis.lipschitz.settings import Lipschitz
from sparks_thesis.pipeline.compose import compose
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.pipeline.selection import part, plain
from sparks_thesis.pipeline.validate import validate_names
from sparks_thesis.sobol.settings import Budget
from sparks_thesis.stability.settings import Stability
from sparks_thesis.utility.settings import Utility
from sparks_thesis.words.settings import Words

SMOKE = ("scale=smoke", "experiment=[sobol,eva,lipschitz,craft,holistic,utility,words]")


def names_of(overrides: list[str]) -> None:
    config = composed(*overrides)
    validate_names(config, plain(config))


def refused(*overrides: str) -> str:
    with pytest.raises(SparksError) as caught:
        names_of([*SMOKE, *overrides])
    return str(caught.value)


@pytest.mark.parametrize("block", [Budget, Eva, Lipschitz, Utility, Holistic, Stability, Words])
def test_every_list_of_methods_is_one_of_files(block):
    for name in defaults(block)["methods"]:
        assert (CONFIG / "attribution" / f"{name}.yaml").is_file()


def test_a_job_gets_the_methods_by_label_in_the_order_of_the_list():
    config = composed(*SMOKE, "studies.budget.methods=[sobol,kernelshap]")
    found = part(config, ["studies.budget"])["studies.budget"]["explainers"]
    assert list(found) == ["Sobol", "KernelSHAP"]
    own = part(config, ["attribution"], attribution="kernelshap")["attribution"]["method"]
    assert found["KernelSHAP"] == own


def test_a_change_holds_in_its_study_alone():
    change = "+studies.eva.changes.greedy_as.attack.steps=3"
    config = composed(*SMOKE, change, "+studies.eva.changes.rise.masks=7")
    found = part(config, ["studies.eva", "attributions.rise", "studies.budget"], model="mlp")
    methods = found["studies.eva"]["explainers"]
    assert methods["RISE"]["masks"] == 7
    assert found["attributions.rise"]["method"]["masks"] == 100
    assert found["studies.budget"]["explainers"]["RISE"]["masks"] == 100
    assert methods["Greedy-AS"]["attack"] == {
        "_target_": "sparks.verification.Attack", "steps": 3, "clip": True, "batch_size": 512
    }  # fmt: skip


def test_methods_that_cannot_explain_the_selected_model_are_left_out():
    config = composed(*SMOKE)
    cams = {"GradCAM", "GradCAM++"}
    for model, there in (("mlp", set()), ("convnet", cams)):
        settings = part(config, ["studies.eva"], model=model)["studies.eva"]
        assert cams & set(settings["explainers"]) == there


def test_each_network_gets_its_eva():
    config = composed(*SMOKE)
    layers = {"mlp": None, "convnet_small": None, "convnet": "stages.0", "vgg16": "classifier.4"}
    for model, layer in layers.items():
        assert (
            part(config, ["studies.eva.own"], model=model)["studies.eva.own"]["EVA"]["layer"]
            == layer
        )


@pytest.mark.parametrize(
    ("override", "part"),
    [
        (
            "studies.budget.methods=[sobl]",
            "studies.budget.methods names 'sobl': there is no config/attribution/sobl.yaml; ",
        ),
        ("studies.utility.control=nobody", "studies.utility.control names 'nobody'"),
        ("words.methods=[rize]", "words.methods names 'rize'"),
        ("studies.holistic.methods=[limes]", "studies.holistic.methods names 'limes'"),
        ("studies.eva.methods=[eva_conv,eva]", "two methods are called EVA"),
        ("+studies.budget.changes.sobl.points=4", "studies.budget.changes names 'sobl'"),
        ("+studies.budget.changes={sobl:{points:4}}", "studies.budget.changes names 'sobl'"),
        (
            "+studies.budget.changes.saliency.channels=sum",
            "changes.saliency: saliency is not among the methods of studies.budget",
        ),
        (
            "+studies.budget.changes.sobol.pionts=4",
            "studies.budget.changes.sobol.pionts: sparks.attribution.Sobol takes no 'pionts'",
        ),
        (
            "+words.changes.rise.masks=many",
            "words.changes.rise.masks='many': sparks.attribution.RISE wants int there",
        ),
        (
            "words.changes.rise.masks=5",
            "the file changes nothing there yet: write +words.changes.rise.masks=5",
        ),
    ],
)
def test_mistakes_are_refused_in_one_line_that_names_the_key(override, part):
    message = refused(override)
    assert part in message
    assert "\n" not in message


def test_a_file_may_change_methods_that_a_run_does_not_list():
    overrides = [*SMOKE, "studies.holistic.methods=[saliency]"]
    names_of(overrides)
    config = composed(*overrides)
    study = part(config, ["studies.holistic"])["studies.holistic"]["study"]
    assert list(study["methods"]) == ["Saliency"]


def with_file(tmp_path, text, *overrides):
    """Return the configuration with one more file of an attribution method."""
    shutil.copytree(CONFIG, tmp_path / "config")
    (tmp_path / "config/attribution/mine.yaml").write_text(
        "name: mine\nlabel: Mine\nneeds: any\n"
        f"method: {{_target_: sparks.attribution.Saliency}}\n{text}\n"
    )
    return compose(overrides, tmp_path / "config")


PARENTS = [
    "experiments.sobol", "studies.stability", "studies.lipschitz", "studies.eva",
    "studies.holistic", "studies.utility", "words", "study",
]  # fmt: skip


def test_a_method_that_joins_all_lists_is_in_every_one(tmp_path):
    config = with_file(tmp_path, "family: gradient\njoin: all")
    for parent in PARENTS:
        assert OmegaConf.select(config, parent).methods[-1] == "mine", parent
    assert config.experiments.stability.methods[-1] == "mine"  # the same list by reference
    for item in ("fig-eva-gallery", "fig-stability-densities"):
        assert config["items"][item].draw.methods[-1] == "Mine"
    assert "mine" not in config.studies.budget.methods  # no black box
    assert not config.experiments.craft.methods  # explains no images
    assert "Mine" in config.words.explainers
    looks = [(entry["colour"], entry["marker"]) for entry in config.methods.values()]
    assert looks.count((config.methods.Mine.colour, config.methods.Mine.marker)) == 1


def test_a_method_joins_the_lists_that_it_names_but_no_list_that_the_user_gives(tmp_path):
    config = with_file(
        tmp_path,
        "family: black-box\njoin: [studies.budget, studies.eva]",
        "studies.eva.methods=[saliency]",
    )
    assert config.studies.budget.methods[-1] == "mine"
    assert config.studies.eva.methods == ["saliency"]
    assert "mine" not in config.experiments.sobol.methods


def test_a_list_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(SparksError, match=r"attributions.mine.join names 'studies.craft'"):
        with_file(tmp_path, "family: gradient\njoin: [studies.craft]")


def test_an_experiment_that_is_not_run_may_be_named(tmp_path):
    config = with_file(
        tmp_path, "family: gradient\njoin: [experiments.sobol, studies.eva]", "experiment=[eva]"
    )
    assert config.studies.eva.methods[-1] == "mine"


def test_controls_of_claims_name_methods_and_metrics_that_are_there():
    """Else a control finds nothing to compare, and its claim is never a valid assay."""
    config = composed()
    controls = [
        claim.control
        for claim in config.claims.values()
        if set(claim.get("control", {}).get("metrics", ())) & set(SIGN)  # of maps
    ]
    assert len(controls) >= 7
    for control in controls:
        assert set(control.methods) <= set(config.methods)
        assert {name: float(sign) for name, sign in control.metrics.items()}.items() <= SIGN.items()
