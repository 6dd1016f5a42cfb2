"""Studies are built of the settings that they have a field for."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from sparks.attribution import Saliency
from sparks.errors import SparksError
from sparks.metrics import Deletion
from sparks.protocols import AttributionMethod, Metric
from sparks_thesis.pipeline.artifacts import build_study, settings_below
from sparks_thesis.pipeline.job import Config


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: int
    metric: Metric | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    methods: Mapping[str, AttributionMethod]
    metrics: Mapping[str, Metric]
    deletion: Deletion
    inner: Inner
    images: int
    seed: int


DELETION = {"_target_": "sparks.metrics.Deletion", "steps": 4}
SETTINGS = {
    "methods": ["saliency"],
    "explainers": {"Saliency": {"_target_": "sparks.attribution.Saliency"}},
    "metrics": {"one": DELETION},
    "deletion": DELETION,
    "inner": {"size": 3, "metric": DELETION},
    "images": 5,
    "no field": {"_target_": "nowhere.Nothing"},
}


def test_what_settings_name_is_built_and_others_are_left_out():
    study = build_study(Study, SETTINGS, seed=7)
    assert study == Study(
        methods={"Saliency": Saliency()},
        metrics={"one": Deletion(steps=4)},
        deletion=Deletion(steps=4),
        inner=Inner(size=3, metric=Deletion(steps=4)),
        images=5,
        seed=7,
    )


def test_a_job_replaces_settings():
    assert build_study(Study, SETTINGS, seed=7, images=2, methods={}).images == 2


def test_another_class_than_that_of_the_field_is_refused():
    wrong = SETTINGS | {"deletion": {"_target_": "sparks.attribution.Saliency"}}
    with pytest.raises(SparksError, match="Saliency is no Deletion"):
        build_study(Study, wrong, seed=7)


def test_a_method_that_cannot_be_built_is_named():
    broken = {"explainers": {"X": {"_target_": "sparks.attribution.RISE", "masks": 0}}}
    with pytest.raises(SparksError, match="attribution X cannot be built"):
        build_study(Study, SETTINGS | broken, seed=7)


def test_settings_below_a_prefix_lose_it():
    parts = {"study.a": 1, "study.b.c": 2, "studies.d": 3, "seed": 0}
    assert settings_below(Config(parts, {}, {}, ""), "study") == {"a": 1, "b.c": 2}
