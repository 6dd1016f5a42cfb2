"""The study of the holistic framework, whole, on a small model and few images."""

from dataclasses import dataclass, field, replace

import pandas as pd
import pytest
import torch

from sparks.attribution import (
    GradientInput,
    GuidedBackprop,
    IntegratedGradients,
    Occlusion,
    Random,
    Saliency,
)
from sparks.concepts import NMF, PCA, Exemplars
from sparks.concepts.dictionary import Method
from sparks.errors import SparksError
from sparks.metrics import MuFidelity
from sparks_thesis.holistic.claims import STRATEGIES
from sparks_thesis.holistic.study import HolisticStudy

from ..common.concept_studies import LAYERS, PARTS, joined, table_of, wide


@pytest.fixture(scope="module")
def holistic_study():
    return HolisticStudy(
        dictionaries={"NMF": NMF(concepts=3), "PCA": PCA(concepts=3)},
        methods={
            "Saliency": Saliency(),
            "GradientInput": GradientInput(),
            "IntegratedGradients": IntegratedGradients(steps=4),
            "GuidedBackprop": GuidedBackprop(),
            "Occlusion": Occlusion(),
            "Random": Random(),
        },
        sizes=(2, 5),
        mufidelity=MuFidelity(subsets=12, share=0.4, correlation="pearson"),
        swept=1,
        steps=(1.0, 2.0),
        images=4,
    )


@pytest.fixture(scope="module")
def holistic(holistic_study, inputs):
    return table_of(holistic_study.run(inputs))


def test_three_methods_are_the_contributions_at_the_last_layer(holistic):
    errors = wide(holistic, "IdentityError", layer="stages.1")
    for method in ("GradientInput", "IntegratedGradients", "Occlusion"):
        assert errors[method].max() < 1e-4
    assert errors["Saliency"].max() > 0.01


def test_methods_that_change_relus_explain_layers_before_one(holistic):
    for metric in ("C-Deletion", "C-Insertion", "C-MuFidelity"):
        assert "GuidedBackprop" in wide(holistic, metric, layer="stages.0")
        assert "GuidedBackprop" not in wide(holistic, metric, layer="stages.1")


def test_no_ranking_is_better_than_that_of_contributions_at_the_last_layer(holistic):
    for metric, sign in (("C-Deletion", 1), ("C-Insertion", -1)):
        areas = wide(holistic, metric, layer="stages.1")
        best = areas["optimum at the last layer"]
        for method in areas:
            assert (sign * (areas[method] - best) > -1e-4).all(), method


def test_steering_is_linear_at_the_last_layer_and_not_before(holistic):
    for t, twice in ((1.0, 2.0), (2.0, 1.0)):
        change = wide(holistic, "SteeringLogit", layer="stages.1", t=t)
        doubled = wide(holistic, "SteeringLogit", layer="stages.1", t=2.0)
        assert (change * twice - doubled).abs().max().max() < 1e-4
    assert wide(holistic, "SteeringNonlinearity", layer="stages.1").max().max() < 1e-4
    assert wide(holistic, "SteeringNonlinearity", layer="stages.0").max().max() > 0.01


def test_importance_may_be_compared_at_the_last_layers_alone(holistic_study, inputs, holistic):
    study = replace(holistic_study, ranked_layers=1, dictionaries={}, swept=0, steered=0)
    table = table_of(study.run(inputs))
    for metric in ("C-Deletion", "C-MuFidelity"):
        rows, all_layers = (t[t["metric"] == metric] for t in (table, holistic))
        assert set(rows["layer"]) == {LAYERS[-1]}
        expected = all_layers[all_layers["layer"] == LAYERS[-1]]
        assert rows["value"].tolist() == expected["value"].tolist()


def test_reliability_counts_the_images_that_the_model_gets_right(holistic, sets):
    rows = holistic[holistic["metric"].isin(STRATEGIES)]
    for name, of_class in rows.groupby("class_name"):
        by = of_class.pivot_table(index="concept", columns="metric", values="value")
        images = int((sets[1].labels == sets[1].classes.index(name)).sum())
        assert by["Dominated"].sum() == images
        seen = by[by["Dominated"] > 0]
        clusters = holistic[holistic["class_name"] == name]
        right = clusters[clusters["metric"] == "Correct"]["value"]
        assert (seen["Reliability"] * seen["Dominated"]).sum() == pytest.approx(right.sum())


def test_parts_of_the_classes_give_the_rows_of_all(holistic_study, holistic, inputs):
    of_parts = [holistic_study.run(inputs, part) for part in PARTS]
    tables = [table_of(numbers) for numbers in of_parts]
    assert len(tables[2]) == 0
    assert joined(tables).equals(holistic)


def test_concepts_that_are_read_give_the_rows_of_those_that_are_fitted(
    holistic_study, holistic, inputs, stored
):
    assert table_of(holistic_study.run(inputs._replace(source=stored))).equals(holistic)


def test_no_more_classes_than_asked_for(holistic_study, inputs):
    study = replace(holistic_study, most=1)
    names = [set(study.run(inputs, part).table(seed=0)["class_name"])
             for part in (slice(0, None), slice(0, 3), slice(1, 3))]  # fmt: skip
    assert names[0] == names[1]
    assert len(names[0] & {"a", "b", "c", "d"}) == 1
    assert names[2] == set()


@dataclass(frozen=True, kw_only=True)
class Drawn(Method):
    """Random atoms that depend on the seed alone; it notes the seeds it was fitted with."""

    seeds: list = field(default_factory=list)

    def fit(self, a):
        self.seeds.append(self.seed)
        return Exemplars(concepts=self.concepts, seed=self.seed).fit(
            torch.rand(40, a.shape[1], generator=torch.Generator().manual_seed(0))
        )


def test_a_random_start_counts_as_no_stability(holistic_study, inputs):
    drawn = Drawn(concepts=3)
    study = replace(holistic_study, dictionaries={"Drawn": drawn}, most=1, swept=0)
    table = table_of(study.run(inputs))
    assert len(set(drawn.seeds)) == len(drawn.seeds) == study.folds
    reached, above = (wide(table, m, analysis="last")["Drawn"].iloc[0]
                      for m in ("Stability", "StabilityAboveChance"))  # fmt: skip
    assert reached < 0.99
    assert abs(above) < 0.4
    with pytest.raises(SparksError, match="folds=1"):
        replace(holistic_study, folds=1)


def test_a_dictionary_that_needs_more_dimensions_is_left_out_and_named(holistic_study, inputs):
    study = replace(holistic_study, most=1, sizes=(20,))  # of 12 channels
    with pytest.warns(UserWarning, match="no PCA of class .*20 concepts of 12 channels"):
        table = table_of(study.run(inputs))
    assert list(wide(table, "RelativeL2", analysis="sweep")) == ["NMF"]


def test_a_size_of_the_sweep_that_was_judged_is_not_fitted_again(holistic_study, inputs):
    drawn = Drawn(concepts=3)
    study = replace(holistic_study, dictionaries={"Drawn": drawn}, most=1, sizes=(3,))
    table = table_of(study.run(inputs))
    assert len(drawn.seeds) == study.folds
    scores = table[table["target"].notna() & (table["method"] == "Drawn")]
    last, sweep = (
        scores[scores["analysis"] == analysis].set_index("metric")["value"]
        for analysis in ("last", "sweep")
    )
    assert len(last) > 5
    pd.testing.assert_series_equal(last, sweep)
