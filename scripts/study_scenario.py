"""Choose the images that people see of one model on one data set, and explain the examples."""

from typing import Any

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
    from sparks.data import ImageSet
    from sparks.data.splits import stratified_subset
    from sparks.training import predict
    from sparks_thesis.human_study import Protocol, Scenario
    from sparks_thesis.human_study.scenario import BASELINE, CONCEPTS, Seen
    from sparks_thesis.pipeline.factories import build_as, trained

    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    device = next(model.parameters()).device
    shown, asked = (
        Seen(images, predict(model, images, device=device).argmax(1))
        for images in (
            ImageSet.load(inputs["images"]),
            stratified_subset(ImageSet.load(inputs["test"]), cfg["study.candidates"], cfg["seed"]),
        )
    )
    dataset = cfg["dataset.name"]
    protocol = build_as(Protocol, cfg["study.protocol"])
    plan = protocol.plan(shown, asked, cfg["study.classes"].get(dataset))
    index = plan.examples.flatten()
    conditions, explanations = maps(inputs["maps"], index, shown.predicted)
    if cfg["study.concepts"]:
        conditions |= {CONCEPTS: "Concepts"}
        explanations |= concepts(cfg, model, inputs, shown, index)
    conditions = {BASELINE: "Baseline", **conditions}
    name = f"{dataset}/{cfg['model.name']}"
    scenario = Scenario.of_plan(name, plan, shown, asked, conditions, explanations)
    scenario.save(outputs["scenario"], cfg.provenance())
    right = scenario.tensors["right"].float().mean()
    print(
        f"{name}: {' or '.join(scenario.classes)}; the model is right on {right:.0%} of the images"
    )


def maps(files: Any, index: Any, predicted: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """Read the maps of the examples: name → label, and the tensors of a scenario."""
    from pathlib import Path

    from sparks.errors import SparksError
    from sparks.io import load_tensors, tensor_provenance
    from sparks_thesis.human_study.explanations import shades

    labels, found = {}, {}
    for file in files:
        tensors = load_tensors(file, ["maps", "target"])
        if (tensors["target"][index] != predicted[index]).any():
            raise SparksError(
                f"{file} explains other classes than the model's own: people predict the model, so "
                "set explain.target=predicted"
            )
        name = Path(file).stem
        labels[name] = tensor_provenance(file)["config"]["attribution"]["label"]
        found[f"map.{name}"] = shades(tensors["maps"][index])
    return labels, found


def concepts(cfg: Config, model: Any, inputs: Paths, shown: Any, index: Any) -> dict[str, Any]:
    """Show the examples by the concepts of the Lens atlas; it and they lie beside their tables."""
    from pathlib import Path

    from sparks.concepts.layer import Layer
    from sparks_thesis.human_study.explanations import concept_views
    from sparks_thesis.lens import Atlas, Explainer
    from sparks_thesis.pipeline.classes import banks_beside
    from sparks_thesis.pipeline.factories import concept_layers

    (where,) = concept_layers({}, cfg["model.name"], cfg["model.concept_layer"])
    images = shown.images.batch(index)
    (fitted,) = inputs["concepts"]
    folder, banks = Path(inputs["atlas"]).with_suffix(""), banks_beside(fitted)
    atlas = Atlas(folder, cfg["dataset.name"], cfg["model.name"], banks)
    most, crops = cfg["study.concepts"], cfg["study.crops"]
    layer = Layer(model, where, images[:1])
    explain = Explainer(model, layer, atlas, shown.images.classes, most=most, crops=crops)
    return concept_views(explain, images, shown.predicted[index].tolist(), most, crops)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.study_inputs,
        outputs={"scenario": paths.STUDY_SCENARIO},
        snakemake=globals().get("snakemake"),
    )
