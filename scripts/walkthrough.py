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
    from sparks_thesis.pipeline.factories import build_methods, explained, of_kind, trained

    settings = cfg["studies.walkthrough"]
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    x, target = explained(inputs["images"], model, cfg["explain.target"])
    image = min(settings["image"], len(x) - 1)
    one = slice(image, image + 1)
    method = of_kind(Sobol, *build_methods(settings["explainers"]).values())
    method = replace(method, points=settings["points"])
    images = ImageSet.load(inputs["images"])
    metadata = {"explained": images.classes[int(target[image])]}
    if "credits" in images.tables:
        metadata["credit"] = images.tables["credits"][int(images.labels[image])]
    kept = steps(method, model, x[one], target[one])
    save_tensors(outputs["steps"], kept, cfg.provenance(**metadata))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"steps": paths.WALKTHROUGH},
        snakemake=globals().get("snakemake"),
    )
