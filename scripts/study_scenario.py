"""Choose the images that people see of one model on one data set, and explain the examples."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "study.protocol",
    "study.classes",
    "study.concepts",
    "study.crops",
    "study.candidates",
    "dataset.name",
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the scenario."""
    from sparks.concepts.layer import Layer
    from sparks.data import ImageSet
    from sparks.data.splits import stratified_subset
    from sparks_thesis.human_study import Protocol, Scenario
    from sparks_thesis.human_study.explanations import ask, concept_views, read_maps
    from sparks_thesis.human_study.scenario import CONCEPTS
    from sparks_thesis.lens import Atlas, Explainer
    from sparks_thesis.pipeline.artifacts import load_model, settings_below
    from sparks_thesis.pipeline.classes import banks_beside
    from sparks_thesis.pipeline.factories import build_as, concept_layers

    study, dataset = settings_below(cfg, "study"), cfg["dataset.name"]
    model, protocol = load_model(cfg, inputs), build_as(Protocol, study["protocol"])
    test = stratified_subset(ImageSet.load(inputs["test"]), study["candidates"], cfg["seed"])
    shown, asked = (ask(model, images) for images in (ImageSet.load(inputs["images"]), test))
    plan = protocol.plan(shown, asked, study["classes"].get(dataset))
    index = plan.examples.flatten()
    conditions, explanations = read_maps(inputs["maps"], index, shown.predicted)
    if most := study["concepts"]:
        (name,) = concept_layers({}, cfg["model.name"], cfg["model.concept_layer"])
        (fitted,) = inputs["concepts"]
        atlas = Atlas.beside(inputs["atlas"], banks_beside(fitted))
        images, crops = shown.images.batch(index), study["crops"]
        of_model = (model, Layer(model, name, images[:1]), atlas, shown.images.classes)
        explain = Explainer(*of_model, most=most, crops=crops)
        predicted = shown.predicted[index].tolist()
        explanations |= concept_views(explain, images, predicted, most, crops)
        conditions |= {CONCEPTS: "Concepts"}
    scenario = Scenario.of_plan(
        f"{dataset}/{cfg['model.name']}", plan, shown, asked, conditions, explanations
    )
    scenario.save(outputs["scenario"], cfg.provenance())
    print(scenario.summary)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.study_inputs,
        outputs={"scenario": paths.STUDY_SCENARIO},
        snakemake=globals().get("snakemake"),
    )
