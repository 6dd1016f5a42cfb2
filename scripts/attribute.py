"""Explain the chosen images, or a shard of them, by one method, and count what it cost."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier", "attribution", "explain.target", "explain.shard", "seed", "device",
)  # fmt: skip


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the maps with the classes they explain, and what they cost: passes, time, memory."""
    from sparks.data import ImageSet
    from sparks.io import save_rows
    from sparks_thesis.common.counting import counting_from
    from sparks_thesis.common.explain import Explaining
    from sparks_thesis.pipeline.artifacts import load_model, write_results
    from sparks_thesis.pipeline.factories import build_method, of_shard, targets

    path, model = inputs["images"], load_model(cfg, inputs)
    images = ImageSet.load(path)
    shard = of_shard(len(images), cfg["explain.shard"], cfg.wildcards.get("shard"))
    images = images.subset(shard)
    with counting_from(shard.start, path):
        target = targets(images, model, cfg["explain.target"], path)
    method = build_method(cfg["attribution"])
    explaining = Explaining(method, model, images, target, shard.start, path)
    save_rows(outputs["maps"], explaining.slices(), len(images), cfg.provenance())
    write_results(cfg, outputs["cost"], explaining.cost(cfg["attribution"]["label"]))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"maps": paths.MAPS, "cost": paths.COST},
        snakemake=globals().get("snakemake"),
    )
