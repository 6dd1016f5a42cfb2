"""Fit one dictionary to several networks, and judge what each one's codes say of the others."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "studies.universal",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write how well each network is explained from its own codes and from another's."""
    from sparks.concepts.layer import Layer
    from sparks.concepts.sanity import untrained
    from sparks.data import ImageSet
    from sparks_thesis.beyond.universal import UniversalStudy
    from sparks_thesis.pipeline.artifacts import write_results
    from sparks_thesis.pipeline.factories import build_as, trained

    settings = cfg["studies.universal"]
    study = build_as(UniversalStudy, settings["study"])
    train, test = (ImageSet.load(inputs[split]) for split in ("train", "test"))
    name = settings["layers"].get(cfg["model.name"], cfg["model.concept_layer"])
    networks = [trained(cfg["model.classifier"], w, cfg["device"]) for w in inputs["weights"]]
    *layers, fresh = (
        Layer(network, name, test.batch([0]))
        for network in (*networks, untrained(networks[0], cfg["seed"]))
    )
    some, others = (images.batch(range(min(study.images, len(images)))) for images in (train, test))
    write_results(cfg, outputs["table"], study.run(layers, fresh, some, others))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.with_other_seeds("universal"),
        outputs={"table": paths.UNIVERSAL},
        snakemake=globals().get("snakemake"),
    )
