"""Compare dictionaries with more atoms than channels, at several levels of sparsity."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "studies.fronts",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write what was measured of every dictionary."""
    from sparks.concepts.layer import Layer
    from sparks.data import ImageSet
    from sparks_thesis.holistic.fronts import FrontsStudy
    from sparks_thesis.pipeline.artifacts import write_results
    from sparks_thesis.pipeline.factories import build_as, trained

    settings = cfg["studies.fronts"]
    study = build_as(FrontsStudy, settings["study"])
    train, test = (ImageSet.load(inputs[split]) for split in ("train", "test"))
    name = settings["layers"].get(cfg["model.name"], cfg["model.concept_layer"])
    layers = [
        Layer(trained(cfg["model.classifier"], weights, cfg["device"]), name, test.batch([0]))
        for weights in inputs["weights"]
    ]
    some = train.batch(range(min(study.images, len(train))))
    others = test.batch(range(min(study.images // 2, len(test))))
    write_results(cfg, outputs["table"], study.run(layers, some, others))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.with_other_seeds("fronts"),
        outputs={"table": paths.FRONTS},
        snakemake=globals().get("snakemake"),
    )
