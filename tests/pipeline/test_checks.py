"""What cannot run is refused when the workflow starts: settings, layers, checkpoints, classes."""

import copy

import pytest
import torch
from composed import composed
from omegaconf import OmegaConf

from sparks.errors import SparksError
from sparks.models import save_weights
from sparks_thesis.pipeline import checks, input_checks
from sparks_thesis.pipeline.checks import Unit, units
from sparks_thesis.pipeline.compose import compose
from sparks_thesis.pipeline.experiment_checks import check_classes
from sparks_thesis.pipeline.trial import try_units
from sparks_thesis.pipeline.validate import validate

# Numbers for which every value has a sense.
FREE = {
    ("sparks_thesis.overview.table_published.Published", "image"),  # a value of a column
    ("sparks_thesis.sobol.figure_samplers.Samplers", "points"),  # one of those measured
    ("sparks_thesis.stability.figure_densities.Densities", "points"),
}
# Settings that the library's own classes are built from; figures and claims name rows of tables.
PACKAGES = (
    "sparks.alignment", "sparks.concepts", "sparks.data", "sparks.lipschitz", "sparks.stability",
    "sparks.stats", "sparks.training", "sparks.verification", "sparks.visualization",
    "sparks_thesis.common.gallery", "sparks_thesis.craft.pictures", "sparks_thesis.craft.study",
    "sparks_thesis.holistic.study", "sparks_thesis.human_study.L", "sparks_thesis.human_study.P",
    "sparks_thesis.human_study.W", "sparks_thesis.lens.Surveyor", "sparks_thesis.lens.links",
    "sparks_thesis.lens.upload", "sparks_thesis.maco.study", "sparks_thesis.utility.cells",
    "sparks_thesis.utility.learners", "sparks_thesis.utility.simulation",
)  # fmt: skip


@pytest.fixture(scope="module")
def smoke():
    """The smallest run of everything."""
    return composed("scale=smoke")


@pytest.fixture(scope="module")
def every_unit(smoke):
    """All of its units."""
    return units(smoke, OmegaConf.to_container(smoke, resolve=True))


def changed(unit, path, value):
    """A copy of a unit with one setting changed, or added."""
    content = copy.deepcopy(unit.content)
    node = content
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return unit._replace(content=content)


def refused(unit):
    with pytest.raises(SparksError) as caught:
        try_units([unit])
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(unit.where)
    return message


def refusal(unit):
    """What is said of a unit; None where it passes."""
    try:
        try_units([unit])
    except SparksError as error:
        return str(error)
    return None


def numbers(node, path=(), owner=("", ())):
    """Yield the numbers among settings: path, class they belong to, name, value."""
    if isinstance(node, dict):
        owner = (node["_target_"], path) if "_target_" in node else owner
        for key, value in node.items():
            yield from numbers(value, (*path, key), owner)
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from numbers(value, (*path, place), owner)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        names = [step for step in path[len(owner[1]) :] if isinstance(step, str)]
        yield path, owner[0], names[-1] if names else "", node


def test_no_number_of_the_settings_may_be_anything(every_unit):
    """Below zero, or not finite: every number that the library is given is checked."""
    passed, seen = [], set()
    for unit in every_unit:
        if unit.kind not in ("settings", "dataset"):
            continue
        for path, owner, name, value in numbers(unit.content):
            if (owner, name) in seen | FREE or not owner.startswith(PACKAGES):
                continue
            seen.add((owner, name))
            wrong = [-1] if isinstance(value, int) else [-1.5, float("nan")]
            for new in wrong:
                if (expected := refusal(changed(unit, path, new))) is None:
                    passed.append((owner, name, new))
                assert "\n" not in (expected or "")
    assert len(seen) > 100
    assert passed == []


def find(every_unit, where, kind="settings", **content):
    found = [
        unit
        for unit in every_unit
        if unit[:2] == (where, kind) and all(unit.content[key] == content[key] for key in content)
    ]
    assert found, where
    return found[0]


@pytest.mark.parametrize(
    ("where", "path", "value", "expected"),
    [
        ("training", ["epochs"], 0, "training.epochs is 0: it must be at least 1"),
        ("training", ["precision"], "fp8", "training.precision is 'fp8': use one of"),
        ("models.convnet.training", ["lr"], -1, "lr is -1: it must be positive"),
        ("studies.stability.training", ["batch_size"], 0, "batch_size is 0"),
        ("studies.maco.study", ["methods", "MACO", "steps"], 0, "methods.MACO.steps=0 is not"),
        ("studies.maco.study", ["methods", "MACO", "crops", "name"], "foo", "foo"),
        ("studies.craft.study", ["craft", "dictionary", "concepts"], 0, "dictionary.concepts=0"),
        ("studies.craft.study", ["banks", "NMF", "colour"], "red", "colour"),
        ("study.protocol", ["sessions"], 0, "study.protocol.sessions=0 is not"),
        ("items.fig-gallery.draw", ["rows"], 0, "items.fig-gallery.draw.rows=0 is not"),
        ("studies.snowflakes", ["loss", "alpha"], 3, "alpha is 3"),
    ],
)
def test_settings_are_named_by_their_key(every_unit, where, path, value, expected):
    assert expected in refused(changed(find(every_unit, where), path, value))


@pytest.mark.parametrize(
    ("dataset", "path", "value", "expected"),
    [
        ("chimera", ["num_classes"], 7, "datasets.chimera.num_classes=7: its images have 10"),
        ("chimera", ["builder", "annotators", "stray"], 3, "stray is 3"),
        ("digits", ["channels"], 3, "datasets.digits.channels=3: its images have 1"),
        ("digits", ["builder", "test_share"], 1.0, "test_share=1.0"),
    ],
)
def test_a_data_set_is_what_its_builder_makes(every_unit, dataset, path, value, expected):
    unit = find(every_unit, f"datasets.{dataset}", "dataset")
    assert expected in refused(changed(unit, path, value))


@pytest.fixture(scope="module")
def convnet(every_unit):
    """A convolutional network with the methods that read it."""
    unit = find(every_unit, "models.convnet", "model", dataset="chimera")
    kept = {
        key: unit.content["methods"][f"attributions.{key}.method"]
        for key in ("sobol", "kernelshap", "saliency", "gradcam", "guided_backprop", "smoothgrad")
    }
    methods = {f"attributions.{key}.method": made for key, made in kept.items()}
    few = {"methods": methods, "metrics": {}, "settings": {}}
    few["layers"] = {"models.convnet.layer": ["stem"]}
    return unit._replace(content=unit.content | few)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (["methods", "attributions.sobol.method", "points"], 30, "attributions.sobol.method"),
        (["methods", "attributions.sobol.method", "grid"], 65, "attributions.sobol.method.grid"),
        (["methods", "attributions.sobol.method", "sequence"], "foo", "sequence"),
        (
            ["methods", "attributions.kernelshap.method", "samples"],
            3,
            "attributions.kernelshap.method",
        ),
        (["methods", "attributions.saliency.method", "channels"], "foo", "channels"),
        (["methods", "attributions.smoothgrad.method", "samples"], 0, "smoothgrad"),
        (
            ["methods", "attributions.gradcam.method", "layer"],
            "nope",
            "layer 'nope' does not exist",
        ),
        (["methods", "attributions.gradcam.method", "layer"], "head", "no feature maps"),
        (["layers", "models.convnet.layer"], ["stem", "stages.9"], "stages.9"),
        (["layers", "models.convnet.layer"], [None], "no layer with concepts"),
        (
            ["layer"],
            "stages.9",
            "models.convnet.layer=stages.9: layer 'stages.9' does not exist: did you mean",
        ),
        (
            ["layer"],
            "head",
            "gives no feature maps (N, K, h, w), nor tokens (N, T, K): GradCAM needs a "
            "convolutional layer, or one that keeps places; layers that will do: stem, stages",
        ),
        (
            ["concept_layer"],
            "stages.9",
            "models.convnet.concept_layer=stages.9: layer 'stages.9' does not exist: did you mean",
        ),
        (
            ["head"],
            "stages",
            "models.convnet.head=stages: it is no affine layer with a row for "
            "each class (stages): use head",
        ),
        (["head"], "last", "models.convnet.head=last: there is no layer 'last': use head"),
        (["shape"], [3, 2, 2], "models.convnet"),
        (["classes"], 7, "logits (1, 7)"),
        (["classifier", "std"], 0, "std must be positive"),
        (["classifier", "net", "widths"], [0], "widths [0]"),
        (["weights"], "no/such/file.pth", "models.convnet.weights=no/such/file.pth: there is no"),
    ],
)
def test_methods_layers_and_classes_are_tried_on_the_model(convnet, path, value, expected):
    with pytest.raises(SparksError) as caught:
        try_units([changed(convnet, path, value)])
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message


def test_a_checkpoint_of_another_network_is_refused(convnet, tmp_path):
    file = tmp_path / "other.safetensors"
    save_weights(torch.nn.Linear(2, 2), file)
    with pytest.raises(SparksError, match="do not fit the model"):
        try_units([changed(convnet, ["weights"], str(file))])


def test_guided_backprop_needs_the_relus_of_this_model(every_unit, convnet):
    """By the network itself, not by what its file calls its kind."""
    net = {"_target_": "sparks.models.lipschitz.LipschitzConvNet", "in_channels": 3}
    net |= {"num_classes": 10, "image_size": 64, "widths": [4], "hidden": [8], "constrained": True}
    other = changed(convnet, ["classifier", "net"], net)
    methods = convnet.content["methods"]
    for key in ("layer", "concept_layer", "head"):
        other = changed(other, [key], None)
    other = changed(other, ["methods"], {"g": methods["attributions.guided_backprop.method"]})
    with pytest.raises(SparksError, match="ReLU"):
        try_units([changed(other, ["layers"], {})])


def test_captums_classes_are_made(convnet):
    made = {"_target_": "sparks.attribution.Captum", "method": "captum.attr.DeepLift"}
    try_units([changed(convnet, ["methods"], {"attributions.mine.method": made})])
    for more, expected in (
        ({"method": "captum.attr.Nothing"}, "Nothing"),
        ({"method": "captum.attr.LayerActivation"}, "LayerActivation"),
        ({"layer": "nope", "method": "captum.attr.LayerActivation"}, "nope"),
        ({"init": {"colour": "red"}}, "colour"),
    ):
        unit = changed(convnet, ["methods"], {"attributions.mine.method": made | more})
        with pytest.raises(SparksError, match=expected):
            try_units([unit])


def test_words_are_tried_too(every_unit):
    unit = find(every_unit, "words.classifier", "texts")
    try_units([unit])
    wrong = changed(unit, ["methods", "words.explainers.Saliency", "channels"], "foo")
    with pytest.raises(SparksError, match=r"words\.explainers\.Saliency.*channels"):
        try_units([wrong])


@pytest.mark.parametrize(
    "override", ["attributions.sobol.method.points=30", "models.convnet.weights=no/such.pth"]
)
def test_the_whole_configuration_is_refused(override):
    with pytest.raises(SparksError) as caught:
        validate(composed("scale=smoke", "experiment=sobol", override))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("studies.craft.pictures.target", 99, "pictures.target=99: chimera has"),
        ("studies.utility.classes", {"chimera": [0, 50]}, "classes.chimera=50"),
        ("shared.maco_evaluators", ["nope/0"], "config/model/nope.yaml"),
        ("shared.maco_evaluators", ["mlp/0"], "studies.maco.layers.mlp"),
    ],
)
def test_classes_and_evaluators_are_there(smoke, key, value, expected):
    config = copy.deepcopy(smoke)
    OmegaConf.set_readonly(config, False)
    OmegaConf.update(config, key, value, force_add=True)
    chapter = next(name for name in ("craft", "utility", "maco") if name in key)
    with pytest.raises(SparksError) as caught:
        check_classes(config, chapter)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("studies.universal.models=[mlp]", "studies.universal.layers.mlp"),
        ("studies.universal.networks=[]", "of two networks or more: name a seed or a model"),
        (
            "experiments.beyond.studies.accentuation=[digits]",
            "digits is grey, and the study needs images in colour",
        ),
        (
            "per_dataset.photographs.shared.maco_evaluators=[convnet/1]",
            "nothing can be trained on photographs: name models whose weights come with them",
        ),
    ],
)
def test_networks_and_images_beside_the_thesis_suit_their_studies(override, expected):
    config = composed("scale=smoke", "experiment=beyond", override)
    with pytest.raises(SparksError) as caught:
        check_classes(config, "beyond")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("studies.atoms.model=convnet", "studies.atoms.model=convnet: it needs a network"),
        ("studies.atoms.model=nope", "allowed: .*efficientnet_lite0"),
        ("studies.atoms.datasets=[digits]", "names 'digits': .* of images in colour"),
        ("studies.atoms.datasets=[nope]", "config/dataset/nope.yaml"),
    ],
)
def test_one_dictionary_is_of_a_network_of_imagenet_and_images_in_colour(override, expected):
    with pytest.raises(SparksError, match=expected):
        validate(composed("scale=smoke", "experiment=models", override))


def test_layers_of_models_that_a_study_puts_beside_its_own_are_tried():
    asked = ["scale=smoke", "experiment=beyond", "studies.universal.models=[convnet_small]"]
    tree = composed(*asked)
    partner = find(
        units(tree, OmegaConf.to_container(tree, resolve=True)), "models.convnet_small", "model"
    )
    assert partner.content["layers"] == {"studies.universal.layers.convnet_small": ["stages.0"]}
    wrong = changed(partner, ["layers", "studies.universal.layers.convnet_small"], ["stages.9"])
    assert "studies.universal.layers.convnet_small=stages.9" in refusal(wrong)


def test_imagenettes_classes_are_rows_of_an_imagenet_network():
    chosen = ["experiment=models", "shared.datasets=[imagenette]", "shared.models=[resnet18]"]
    validate(composed(*chosen))
    for override, expected in (
        ("datasets.imagenette.imagenet_classes=[1,2]", "2 different"),
        ("datasets.imagenette.imagenet_classes=null", "imagenet_classes"),
    ):
        with pytest.raises(SparksError, match=expected):
            validate(composed(*chosen, override))


def test_what_has_passed_is_not_tried_again(tmp_path, monkeypatch):
    config = compose(["scale=smoke", "experiment=words"])
    tree = OmegaConf.to_container(config, resolve=True)
    noted, tried = tmp_path / "folder/checked.json", []

    def elsewhere(new):
        tried.append([unit.where for unit in new])
        return [], ""

    monkeypatch.setattr(checks, "try_elsewhere", elsewhere)
    assert not checks.known(tree, noted)
    checks.check(config, tree, noted, print)
    assert not noted.exists()  # a listing, `--unlock` or `--touch` only looks
    checks.remember(noted)
    assert checks.known(tree, noted)
    assert len(tried) == 1
    OmegaConf.update(config, "words.changes.rise", {"masks": 50}, force_add=True)
    tree = OmegaConf.to_container(config, resolve=True)
    assert not checks.known(tree, noted)
    checks.check(config, tree, noted, print)
    assert tried[1:] == [["words.classifier"]]
    noted.write_text("{")  # cut short
    assert not checks.known(tree, noted)


def test_without_pytorch_nothing_is_tried_nor_taken_for_passed(tmp_path, monkeypatch):
    """Where jobs have an environment of conda's, Snakemake's own Python may have little."""
    config = composed("scale=smoke", "experiment=words")
    tree = OmegaConf.to_container(config, resolve=True)
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    monkeypatch.setattr(checks, "_to_note", {})
    said = []
    checks.check(config, tree, tmp_path / "checked.json", said.append)
    assert said == ["Settings are not tried before jobs start: Snakemake's Python has no PyTorch."]
    assert not checks._to_note
    assert input_checks.problems(config, [input_checks.Needed("dataset", "voc2007")], False) == []


def test_a_checkpoint_that_changed_is_looked_at_again(tmp_path):
    file = tmp_path / "w.safetensors"
    unit = Unit("models.mine", "model", {"weights": str(file)})
    missing = checks._key(*unit)
    file.write_bytes(b"1")
    there = checks._key(*unit)
    file.write_bytes(b"12")
    assert len({missing, there, checks._key(*unit)}) == 3


def test_refusals_come_back_from_the_other_process(tmp_path):
    said = []
    config = composed("scale=smoke", "experiment=words", "+words.changes.rise.masks=-1")
    tree = OmegaConf.to_container(config, resolve=True)
    with pytest.raises(SparksError, match=r"words\.explainers\.RISE"):
        checks.check(config, tree, tmp_path / "checked.json", said.append)
    assert len(said) == 1
    assert not (tmp_path / "checked.json").exists()


def test_methods_on_concepts_are_tried_on_coefficients():
    """What reads height and width of an image has none there."""
    for method, refused_as in (
        ({"_target_": "sparks.attribution.Saliency"}, None),
        ({"_target_": "sparks.attribution.BottomUp"}, "studies.holistic.methods.Mine"),
    ):
        unit = Unit("studies.holistic.methods", "concepts", {"Mine": method})
        assert (refusal(unit) is None) == (refused_as is None)
        if refused_as:
            assert refused_as in refused(unit)
            assert "coefficients of concepts" in refused(unit)
