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
    from sparks.results import ITSELF
    from sparks_thesis.beyond.universal import UniversalStudy
    from sparks_thesis.pipeline.artifacts import write_results
    from sparks_thesis.pipeline.factories import build_as, networks

    settings = cfg["studies.universal"]
    study = build_as(UniversalStudy, settings["study"])
    train, test = (ImageSet.load(inputs[split]) for split in ("train", "test"))
    names = {cfg["model.name"]: cfg["model.concept_layer"]} | settings["layers"]
    own, *others = networks(inputs["weights"], cfg["device"])
    example, named = test.batch([0]), {ITSELF: own, **{one.name: one for one in others}}
    known = {n: Layer(one.network, names[one.model], example) for n, one in named.items()}
    fresh = Layer(untrained(own.network, cfg["seed"]), names[own.model], example)
    some, held = (images.batch(range(min(study.images, len(images)))) for images in (train, test))
    write_results(cfg, outputs["table"], study.run(known, fresh, some, held))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.universal_inputs,
        outputs={"table": paths.UNIVERSAL},
        snakemake=globals().get("snakemake"),
    )
