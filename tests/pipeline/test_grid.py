"""Studies: what an experiment measures besides scores, and who reads it."""

import pytest
from composed import composed

from sparks.errors import SparksError
from sparks_thesis.pipeline import dag, grid, paths
from sparks_thesis.pipeline.selection import part


@pytest.fixture
def chosen():
    return composed("scale=smoke", "experiment=sobol", "shared.datasets=[chimera,digits]")


def test_a_study_is_made_on_its_data_sets_alone(chosen):
    listed = dag.scores(chosen, "sobol")
    studies = [path for path in listed if path.startswith("results/studies/")]
    assert studies == [
        "results/studies/indices/chimera/convnet/0.parquet",
        "results/studies/indices/digits/convnet/0.parquet",
        "results/studies/budget/chimera/convnet/0.parquet",
        "results/studies/samplers/chimera/convnet/0.parquet",
        "results/studies/samplers/analytic.parquet",
    ]


def test_measured_seconds_are_no_part_of_the_experiments_numbers_but_of_one_figure(chosen):
    cost = "results/studies/budget/chimera/convnet/0.cost.parquet"
    assert cost not in dag.scores(chosen, "sobol")
    assert dag.item_inputs(chosen, "fig-sobol-budget") == {
        "budget": ["results/studies/budget/chimera/convnet/0.parquet"],
        "budget_cost": [cost],
    }


def test_a_figure_of_an_experiment_that_was_not_chosen_says_how_to_choose_it(chosen):
    with pytest.raises(SparksError, match=r"eva was not chosen.*experiment=\[sobol,eva\]"):
        dag.item_inputs(chosen, "fig-eva-gallery")


def test_an_experiment_without_studies_has_none():
    config = composed("scale=smoke", "experiment=models")
    assert not [path for path in dag.scores(config, "models") if "studies" in path]


def test_cost_is_read_of_every_method(chosen):
    files = dag.item_inputs(chosen, "tab-cost")["cost"]
    assert len(files) == 2 * 20
    assert "results/attributions/digits/convnet/0/hsic.cost.parquet" in files


def test_a_network_does_not_judge_its_own_pictures(chosen):
    assert list(chosen.shared.maco_evaluators) == ["convnet/1"]
    names = {"dataset": "chimera", "model": "convnet", "seed": "0"}
    weights = "results/models/chimera/convnet/{}/weights.safetensors".format
    found = dag.maco_inputs(chosen, names)
    assert (found["weights"], found["evaluators"]) == (weights(0), [weights(1)])
    assert dag.maco_inputs(chosen, names | {"seed": "1"})["evaluators"] == []


def test_networks_that_share_a_dictionary_are_of_other_seeds_or_other_models():
    asked = ["experiment=beyond", "studies.universal.models=[vit_tiny]"]
    found = dag.universal_inputs(
        composed(*asked), {"dataset": "chimera", "model": "convnet", "seed": "1"}
    )
    weights = "results/models/chimera/{}/weights.safetensors".format
    assert found["weights"] == [weights(w) for w in ("convnet/1", "convnet/4", "vit_tiny/1")]


def test_a_rule_of_exclusions_may_list_several():
    rules = [
        "experiments.sobol.exclude=[{dataset:[chimera,digits],method:[rise,sobol]}]",
        "experiments.sobol.methods=[rise,sobol,saliency]",
        "experiments.sobol.datasets=[chimera,digits,photographs]",
    ]
    listed = grid.explanations(composed("experiment=sobol", *rules), "sobol")
    left = {(job.dataset, job.method) for job in listed}
    assert left == {
        ("chimera", "saliency"),
        ("digits", "saliency"),
        ("photographs", "saliency"),
        ("photographs", "rise"),
        ("photographs", "sobol"),
    }


def test_a_study_with_people_takes_maps_and_the_atlas_only_for_concepts(chosen):
    names = {"dataset": "chimera", "model": "convnet", "seed": "0"}
    found = dag.study_inputs(chosen, names)
    assert "results/attributions/chimera/convnet/0/bottom_up.safetensors" in found["maps"]
    assert len(found["maps"]) == 7
    assert "atlas" not in found  # no concepts at this scale
    shown = composed("scale=smoke", "study.concepts=2", "study.control=null")
    found = dag.study_inputs(shown, names)
    assert found["atlas"] == "results/studies/lens/chimera/convnet/0.parquet"
    assert len(found["maps"]) == 6
    assert dag.study_scenarios(shown) == ["results/study/scenarios/chimera/convnet/0.safetensors"]


def test_the_answers_of_people_are_no_part_of_the_default_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # results of a run in this folder would join tab-claims
    assert not [item for item in dag.items(composed()) if "study" in item]
    chosen = composed("experiment=[models,study]")
    assert {"fig-study-k", "tab-study"} <= set(dag.items(chosen))
    assert dag.item_inputs(chosen, "tab-study") == {"study": ["results/study/measures.parquet"]}
    assert dag.item_inputs(chosen, "tab-claims")["scores"] == ["results/experiments/models.parquet"]


def test_maps_are_compared_with_parts_only_where_these_are_known(chosen):
    for dataset, known in (("chimera", True), ("digits", False)):
        job = grid.Explanation(dataset, "convnet", 0, "rise")
        assert paths.SCORES.format(**job._asdict()) in dag.scores(chosen, "sobol")
        asked = grid.families(chosen, job)
        assert "fidelity" in asked
        assert ("localisation" in asked) == known
        names = {"dataset": dataset, "model": "convnet", "attribution": "rise", "seed": "0"}
        assert list(part(chosen, ["families"], **names)["families"]) == asked


def test_maps_are_scored_by_what_every_experiment_asks_for():
    asked = {"methods": "rise", "metrics": "complexity", "datasets": "digits"}
    models = [f"experiments.models.{key}=[{name}]" for key, name in asked.items()]
    config = composed("experiment=[sobol,models]", "experiments.sobol.metrics=[fidelity]", *models)
    job = grid.Explanation("digits", "convnet", 0, "rise")
    assert set(grid.families(config, job)) == {"fidelity", "complexity"}
    assert grid.families(config, job._replace(method="lime")) == ["fidelity"]
    assert grid.families(config, job._replace(model="mlp")) == ["fidelity"]  # the selected one


def runs(*overrides):
    config = composed("scale=smoke", "experiment=sobol", *overrides)
    return [(run.dataset, run.model) for run in grid.runs(config, "sobol")]


def test_a_table_of_parts_is_left_out_where_no_data_set_marks_any():
    only = "experiments.sobol.datasets=[folder]"
    items = dag.items(composed("experiment=[sobol]", only))
    assert "tab-pointing" not in items
    assert {"tab-fidelity", "tab-maps", "fig-gallery"} <= set(items)
    assert "tab-pointing" in dag.items(composed("experiment=[sobol]"))
    none = "experiments.sobol.metrics=[localisation]"
    assert not {"tab-fidelity", "tab-maps"} & set(dag.items(composed("experiment=[sobol]", none)))


def test_what_needs_known_parts_or_a_study_is_left_out_where_there_is_none():
    chosen = "experiment=[craft,holistic]"
    every = set(dag.items(composed(chosen)))
    assert {"tab-craft-truth", "tab-linear", "fig-fronts", "fig-steering"} <= every
    # Photographs, whose parts nobody knows; `fronts` and `linear` are studies of chimera.
    only = [
        f"{key}.{study}=[folder]"
        for key, study in (
            ("experiments.craft.studies", "craft"), ("experiments.holistic.studies", "holistic")
        )
    ]  # fmt: skip
    only += ["experiments.craft.datasets=[folder]", "experiments.holistic.datasets=[folder]"]
    left = every - set(dag.items(composed(chosen, *only)))
    assert left == {"tab-craft-truth", "tab-linear", "fig-fronts"}
    none = ["experiments.lens.studies.lens=[]", "experiments.lens.studies.covering=[]"]
    assert "fig-lens-statistics" in dag.items(composed("experiment=[lens]"))
    assert "fig-lens-statistics" not in dag.items(composed("experiment=[lens]", *none))


def test_a_pretrained_network_takes_the_place_of_those_that_photographs_cannot_train():
    pair = ("photographs", "efficientnet_lite0")
    assert runs("shared.models=[convnet,mlp]") == [("chimera", "convnet"), ("chimera", "mlp"), pair]
    own = ["shared.datasets=[photographs]", "shared.models=[efficientnet_lite1]"]
    assert runs(*own) == [("photographs", "efficientnet_lite1")]


def test_what_photographs_are_left_out_of():
    listed = [path for path in dag.scores(composed(), "sobol") if "photographs" in path]
    assert not [path for path in listed if "/studies/" in path or "stability" in path]
    job = grid.Explanation("photographs", "efficientnet_lite0", 0, "rise")
    assert grid.families(composed(), job) == ["fidelity", "complexity"]
    budget = dag.item_inputs(composed(), "fig-sobol-budget")["budget"]
    assert budget == ["results/studies/budget/chimera/convnet/0.parquet"]


def test_what_the_first_figures_wait_for_is_made_first(chosen):
    first = dag.first(chosen)
    read = dag.item_inputs(chosen, "fig-gallery")
    assert {*read["images"], *read["maps"], "results/figures/fig-gallery.png"} <= set(first)
    assert first["results/models/digits/convnet/0/weights.safetensors"] == 1
    assert "results/figures/fig-sobol-budget.png" not in first
    assert dag.first(composed("experiment=eva")) == {}


def test_the_very_first_figure_shows_a_photograph_and_needs_no_training():
    config = composed()
    first = dag.first(config)
    read = dag.item_inputs(config, "fig-sobol-walkthrough")["walkthrough"]
    assert read == ["results/studies/walkthrough/photographs/efficientnet_lite0/0.safetensors"]
    assert {path for path, priority in first.items() if priority == 2} == {
        *read,
        *dag.item_outputs(config, "fig-sobol-walkthrough").values(),
        "results/data/photographs/train.safetensors",
        "results/data/photographs/test.safetensors",
        "results/explained/photographs.safetensors",
        "results/models/photographs/efficientnet_lite0/0/weights.safetensors",
    }
    assert config.models.efficientnet_lite0.weights == "included"
