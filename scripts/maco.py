"""Draw what a network looks for, by MACO and other methods, and score the pictures."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "studies.maco",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the scores of all pictures, and keep some for the figures."""
    from sparks.concepts.layer import Layer
    from sparks.data import ImageSet
    from sparks.io import load_tensors, save_tensors
    from sparks.visualization import ImageStatistics
    from sparks.visualization.evaluators import Evaluator
    from sparks.visualization.subject import Subject
    from sparks_thesis.maco.study import MacoStudy
    from sparks_thesis.pipeline.artifacts import load_model, write_results
    from sparks_thesis.pipeline.classes import stored_concepts
    from sparks_thesis.pipeline.factories import build_as, networks

    known = cfg["studies.maco"]["layers"]
    train, test = (ImageSet.load(inputs[split]) for split in ("train", "test"))
    model, example = load_model(cfg, inputs), test.batch([0])
    others = [
        Evaluator(other.name, other.network, Layer(other.network, known[other.model], example))
        for other in networks(inputs["evaluators"], cfg["device"])
    ]
    layer = Layer(model, known.get(cfg["model.name"], cfg["model.concept_layer"]), example)
    statistics = ImageStatistics.of_tensors(load_tensors(inputs["spectrum"]))
    study = build_as(MacoStudy, cfg["studies.maco"]["study"])
    subject = Subject(model, layer, train, test, statistics)
    numbers, kept, metadata = study.run(subject, others, stored_concepts(inputs["concepts"]))
    write_results(cfg, outputs["table"], numbers)
    save_tensors(outputs["pictures"], kept, cfg.provenance(**metadata))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.maco_inputs,
        outputs={"table": paths.MACO, "pictures": paths.MACO_PICTURES},
        snakemake=globals().get("snakemake"),
    )
