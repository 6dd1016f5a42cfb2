"""Change images a little towards classes, and score the changes by this and other networks."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "studies.accentuation",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the scores of all changes, and keep some pictures for the figure."""
    from sparks.data import ImageSet
    from sparks.io import save_tensors
    from sparks_thesis.beyond.accentuated import AccentuationStudy
    from sparks_thesis.pipeline.artifacts import build_study, load_model, write_results
    from sparks_thesis.pipeline.factories import networks

    study = build_study(AccentuationStudy, cfg["studies.accentuation"], seed=cfg["seed"])
    images = ImageSet.load(inputs["images"])
    others = {one.name: one.network for one in networks(inputs["evaluators"], cfg["device"])}
    numbers, kept = study.run(load_model(cfg, inputs), others, images)
    write_results(cfg, outputs["table"], numbers)
    save_tensors(outputs["pictures"], kept, cfg.provenance(classes=list(images.classes)))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.accentuation_inputs,
        outputs={"table": paths.ACCENTUATION, "pictures": paths.ACCENTUATION_PICTURES},
        snakemake=globals().get("snakemake"),
    )
