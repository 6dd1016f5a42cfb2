"""Estimate first- and total-order Sobol indices of every cell from one design."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "attributions.sobol", "explain.target", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write both indices of every image and cell (`cell`)."""
    from dataclasses import replace

    import torch

    from sparks.attribution import Sobol
    from sparks.io import save_table
    from sparks.progress import progress
    from sparks.results import MetricRecorder
    from sparks_thesis.pipeline.factories import (
        build_method,
        explained,
        of_kind,
        run_names,
        trained,
    )

    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    x, target = explained(inputs["images"], model, cfg["explain.target"])
    method = of_kind(Sobol, build_method(cfg["attributions.sobol"]))
    each = []
    for image in progress(range(len(x)), unit="image", description="indices"):
        # A design of its own for each image: then the interval over images holds its error too.
        drawn = replace(method, seed=cfg["seed"] + image)
        each.append(drawn.indices(model, x[image : image + 1], target[image : image + 1]))
    first, total = (torch.cat(order) for order in zip(*each, strict=True))
    recorder = MetricRecorder()
    for cell, (s, st) in enumerate(zip(first.T, total.T, strict=True)):
        recorder.add_images({"FirstOrder": s, "TotalOrder": st}, cell=cell)
    names = run_names(cfg.wildcards) | {"method": cfg["attributions.sobol"]["label"]}
    save_table(outputs["table"], recorder.table(**names), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.INDICES},
        snakemake=globals().get("snakemake"),
    )
