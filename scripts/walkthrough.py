"""Explain one image by Sobol indices, and keep every step."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.walkthrough", "explain.target", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write some masks and masked inputs, all scores, and both indices with their intervals."""
    from dataclasses import replace

    from sparks.attribution import Sobol
    from sparks.attribution.steps import steps
    from sparks.data import ImageSet
    from sparks.io import save_tensors
    from sparks_thesis.pipeline.artifacts import load_explained
    from sparks_thesis.pipeline.factories import build_methods, of_kind

    settings = cfg["studies.walkthrough"]
    model, x, target = load_explained(cfg, inputs)
    image = min(settings["image"], len(x) - 1)
    method = of_kind(Sobol, *build_methods(settings["explainers"]).values())
    method = replace(method, points=settings["points"])
    images = ImageSet.load(inputs["images"]).subset([image])
    shown = {"explained": images.classes[int(target[image])]}
    if images.credits:
        shown["credit"] = images.credits[0]
    kept = steps(method, model, x[image : image + 1], target[image : image + 1])
    save_tensors(outputs["steps"], kept, cfg.provenance(**shown))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"steps": paths.WALKTHROUGH},
        snakemake=globals().get("snakemake"),
    )
