"""Score the maps of one method by all families of metrics that experiments ask for."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "attribution", "families", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write every metric of every family for every image."""
    from functools import partial

    from sparks.data import ImageSet
    from sparks.io import load_tensors
    from sparks.results import MetricRecorder
    from sparks_thesis.common.score import Family
    from sparks_thesis.pipeline.artifacts import build_study, load_model, write_results
    from sparks_thesis.pipeline.factories import build_method

    families = [build_study(Family, family) for family in cfg["families"].values()]
    model = load_model(cfg, inputs) if any(family.needs_model for family in families) else None
    images, path = ImageSet.load(inputs["images"]), inputs["images"]
    maps = partial(load_tensors, inputs["maps"], ["maps", "target"])
    method, recorder = build_method(cfg["attribution"]), MetricRecorder()
    for family in families:
        scores = family.score(images, maps, model, method, path)
        recorder.add_images(scores, method=cfg["attribution"]["label"])
    write_results(cfg, outputs["table"], recorder)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS, "maps": paths.MAPS},
        outputs={"table": paths.SCORES},
        snakemake=globals().get("snakemake"),
    )
