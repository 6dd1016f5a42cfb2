"""Typed settings: the only place of a default, a type, a range and a meaning."""

import subprocess
import sys
from pydoc import locate
from typing import get_args

import pytest
import yaml
from composed import composed
from pydantic import BaseModel, Field, ValidationError

from sparks.errors import SparksError
from sparks_thesis.common.settings import LEFT_OUT, Block, Count, built, defaults, refers
from sparks_thesis.pipeline.compose import compose
from sparks_thesis.pipeline.nested import walk
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.pipeline.selection import plain
from sparks_thesis.settings import options, refusal
from sparks_thesis.settings.root import GROUPS, Root
from sparks_thesis.settings.schema import class_of, resolved, schema


class Inner(Block):
    """An inner block."""

    size: Count = Field(3, description="a number")


class Outer(Block):
    """An outer block."""

    needed: int
    inner: Inner = Inner()
    follows: int = refers("seed")
    made: dict = built("a.B", size=1)
    free: str = LEFT_OUT


@pytest.fixture(scope="module")
def tree():
    return plain(composed("scale=smoke"))


def blocks():
    """Every block of the configuration, found from its root."""
    found, waiting = set(), [Root, *options.OPTIONS.values(), options.Experiment]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, BaseModel) and one not in found:
            found.add(one)
            waiting += [field.annotation for field in one.model_fields.values()]
        waiting += get_args(one)
    return sorted(found, key=lambda one: (one.__module__, one.__name__))


def test_defaults_are_plain_and_leave_out_what_has_none():
    made = {"inner": {"size": 3}, "follows": "${seed}", "made": {"_target_": "a.B", "size": 1}}
    assert defaults(Outer) == made


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.__name__)
def test_every_key_has_a_meaning_and_unknown_ones_are_refused(block):
    for name, field in block.model_fields.items():
        of_its_own = isinstance(field.annotation, type) and issubclass(field.annotation, Block)
        assert field.description or (of_its_own and field.annotation.__doc__), name
    with pytest.raises(ValidationError, match="no_such_key"):
        block.model_validate({"no_such_key": 1})


def test_the_blocks_of_every_chapter_are_found():
    names = {block.__name__ for block in blocks()}
    assert {"Budget", "Recipe", "Story", "Exclusion", "HumanStudy", "Words"} <= names


def test_defaults_are_valid_once_resolved(tree):
    """The tree of a scale has every default, and what the scale overrides."""
    refusal.check(tree)
    assert set(defaults(Root)) <= set(tree)
    assert set(defaults(Root)["studies"]) == set(tree["studies"])


def keys_of(node, path=()):
    """Every key of nested dicts, but for those within an object, which are its arguments."""
    for key, value in node.items():
        yield (*path, key)
        if isinstance(value, dict) and "_target_" not in value:
            yield from keys_of(value, (*path, key))


def test_no_default_stands_in_a_file_too():
    """config.yaml sets nothing, and no file of an option repeats a default of its kind."""
    top = yaml.safe_load((CONFIG / "config.yaml").read_text("utf-8"))
    assert set(top) == {"defaults", "hydra"}
    repeated = [
        f"{group}/{file.stem}: {key}"
        for group, kind in options.OPTIONS.items()
        for file in sorted((CONFIG / group).glob("*.yaml"))
        for key, value in yaml.safe_load(file.read_text("utf-8")).items()
        if defaults(kind).get(key, LEFT_OUT) == value
    ]
    assert repeated == []
    of_settings = {
        folder.name for folder in CONFIG.iterdir() if folder.name in (*GROUPS, "studies")
    }
    assert of_settings == set()


def test_a_file_of_a_study_names_only_what_it_has_otherwise(tmp_path):
    """A user's config/study/mine.yaml, chosen by study=mine."""
    for path in CONFIG.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "study").mkdir()
    (tmp_path / "study/mine.yaml").write_text("defaults: [default]\nconcepts: 0\n")
    made = compose(["study=mine"], tmp_path).study
    assert (made.concepts, made.crops) == (0, composed().study.crops)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", -1, "seed=-1: must be greater than or equal to 0"),
        ("explain.n", "three", "explain.n='three': must be a valid integer"),
        ("explain.n", True, "explain.n=True: must be a valid integer"),
        ("explain.shard", 20, "explain.shard=20: must be a multiple of 16"),
        ("explain", 3, "explain=3: must be a valid dictionary (The images"),
        ("studies.budget.imges", 3, "studies.budget.imges: there is no such key; allowed: ['chan"),
        ("studies.budget.imges", 3, "(did you mean images?)"),
        ("study.runs", [{"dataset": "digits"}], "study.runs.0.model: this key is missing"),
        ("models.convnet.head", 3, "must be a valid string or must be a valid list (affine"),
        ("studies.lipschitz.methods", ["saliency"], "'smoothgrad' must be among them"),
        ("studies.stability.label_noise", [5, 5], "no value may stand there twice"),
        ("studies.stability.trainings", {}, "'default' must be among them"),
        ("studies.eva.verified.radii", [2.0], "studies.eva.verified.radii.0=2.0: must be less"),
        ("studies.lens.stories", {"a/b": {"class": 3}}, "stories.a/b.class=3: must be a valid str"),
        ("experiments.sobol.studies", {"bugdet": []}, "experiments.sobol.studies.bugdet='bugdet'"),
        ("statistics", {}, "statistics={}: _target_ is missing"),
        ("statistics", {"_target_": "x"}, "_target_='x' is no dotted name"),
    ],
)
def test_a_refusal_names_key_value_and_what_is_allowed(tree, key, value, expected):
    *parents, last = key.split(".")
    whole = node = dict(tree)
    for name in parents:
        node[name] = dict(node[name])
        node = node[name]
    node[last] = value
    with pytest.raises(SparksError) as refused:
        refusal.check(whole)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_schema_says_what_stands_beside_a_reference():
    found = resolved(schema()["properties"]["shared"])
    assert found["properties"]["rise_masks"]["minimum"] == 1


def test_a_default_is_of_the_class_that_its_setting_asks_for():
    objects = {
        ".".join(map(str, path)): node["_target_"]
        for path, node in walk(defaults(Root))
        if isinstance(node, dict) and "_target_" in node
    }
    asked = {key: target for key, target in objects.items() if class_of(key)}
    assert {"statistics", "studies.craft.study", "study.packages.0"} <= set(asked)
    assert "studies.craft.crops" not in asked  # on a grid, or at random
    for key, target in asked.items():
        assert issubclass(locate(target), locate(class_of(key))), key


def test_settings_need_neither_pytorch_nor_the_tools_of_the_workflow():
    heavy = "{'torch', 'numpy', 'pandas', 'hydra', 'omegaconf', 'snakemake'}"
    code = f"import sys, sparks_thesis.settings.root; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
