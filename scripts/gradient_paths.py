"""Measure the paths of a network's gradients: their entropy, and the heaviest of them."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "studies.gradient_paths",
    "explain.target",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write what was measured of every image, and some maps."""
    from sparks.data import ImageSet
    from sparks.io import save_tensors
    from sparks_thesis.beyond.gradient_paths import PathsStudy
    from sparks_thesis.pipeline.artifacts import build_study, load_model, write_results
    from sparks_thesis.pipeline.factories import targets

    study = build_study(PathsStudy, cfg["studies.gradient_paths"], seed=cfg["seed"])
    images, model = ImageSet.load(inputs["images"]), load_model(cfg, inputs)
    images = images.subset(slice(study.images))
    target = targets(images, model, cfg["explain.target"], inputs["images"])
    numbers, maps = study.run(model, images, target)
    write_results(cfg, outputs["table"], numbers)
    save_tensors(outputs["maps"], maps, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.GRADIENT_PATHS, "maps": paths.GRADIENT_PATHS_MAPS},
        snakemake=globals().get("snakemake"),
    )
