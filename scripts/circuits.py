"""Find the circuits of parts in a network, and judge them by holding channels at their means."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "model.name", "studies.circuits", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write how far each circuit serves its part, and what edits do to accuracy."""
    from sparks.data import ImageSet
    from sparks_thesis.beyond.circuits import CircuitsStudy
    from sparks_thesis.pipeline.artifacts import build_study, load_model, write_results
    from sparks_thesis.pipeline.factories import concept_layers

    settings, name = cfg["studies.circuits"], cfg["model.name"]
    layers = concept_layers(settings["layers"], name, None)
    study = build_study(CircuitsStudy, settings, layers=layers, seed=cfg["seed"])
    train, test = (ImageSet.load(inputs[split]) for split in ("train", "test"))
    write_results(cfg, outputs["table"], study.run(load_model(cfg, inputs), train, test))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"train": paths.TRAIN, "test": paths.TEST, "weights": paths.WEIGHTS},
        outputs={"table": paths.CIRCUITS},
        snakemake=globals().get("snakemake"),
    )
