"""Measure on one network what is said of 1-Lipschitz networks."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.lipschitz", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write metrics of maps, certificates, attacks and counterfactuals; keep what figures show."""
    from sparks.data import ImageSet
    from sparks.io import save_tensors
    from sparks_thesis.lipschitz.study import LipschitzStudy
    from sparks_thesis.pipeline.artifacts import build_study, load_model, write_results
    from sparks_thesis.pipeline.factories import explained

    settings = cfg["studies.lipschitz"]
    study = build_study(LipschitzStudy, settings, seed=cfg["seed"])
    model = load_model(cfg, inputs)
    x, target = explained(inputs["images"], model, "predicted")
    n = settings["images"]
    images, train = (ImageSet.load(inputs[name]) for name in ("images", "train"))
    numbers, kept = study.run(model, x[:n], target[:n], images, train)
    write_results(cfg, outputs["table"], numbers)
    metadata = cfg.provenance(classes=list(images.classes), steps=list(study.steps))
    save_tensors(outputs["maps"], kept, metadata)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "train": paths.TRAIN, "weights": paths.WEIGHTS},
        outputs={"table": paths.LIPSCHITZ, "maps": paths.LIPSCHITZ_MAPS},
        snakemake=globals().get("snakemake"),
    )
