"""Estimate the total indices of images by every sequence and estimator, and compare them."""

from typing import Any

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.samplers", "explain.target", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write agreement with a large reference, and with the default, of every image.

    `method` is the sequence.
    """
    from dataclasses import replace

    import torch

    from sparks.attribution import Sobol
    from sparks.io import save_table
    from sparks.progress import progress
    from sparks.results import MetricRecorder
    from sparks.sensitivity.accuracy import SAMPLERS
    from sparks.sensitivity.estimators import ESTIMATORS, indices
    from sparks.stats import spearman
    from sparks_thesis.pipeline.factories import (
        build_methods,
        explained,
        of_kind,
        run_names,
        trained,
    )

    settings = cfg["studies.samplers"]
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    x, target = explained(inputs["images"], model, cfg["explain.target"])
    x, target = x[: settings["images"]], target[: settings["images"]]
    method = of_kind(Sobol, *build_methods(settings["explainers"]).values())

    def totals(points: int, shift: int, **how: Any) -> dict[str, torch.Tensor]:
        """Return the total indices (N, d) by estimator, from a design of its own for each image."""
        scores = []
        for image in range(len(x)):
            drawn = replace(method, points=points, seed=cfg["seed"] + shift + image, **how)
            one = slice(image, image + 1)
            scores.append(drawn.evaluate(model, x[one], target[one]).scores)
        return {name: indices(torch.cat(scores), points, "total", name) for name in ESTIMATORS}

    other = len(x)  # seeds that no image has
    reference = totals(settings["reference"], shift=2 * other)["jansen"]
    designs = [(s.label, 0, {"sequence": s.sequence, "scramble": s.scramble}) for s in SAMPLERS]
    # The default once more: how well can any two designs of this size agree?
    designs.insert(1, (f"{designs[0][0]}, another seed", other, designs[0][2]))
    recorder = MetricRecorder()
    for points in progress(settings["points"], unit="size", description="designs"):
        default: dict[str, torch.Tensor] = {}
        for label, shift, how in designs:
            found = totals(points, shift, **how)
            default = default or found
            for estimator, total in found.items():
                values = {
                    "ReferenceSpearman": spearman(total, reference),
                    "DefaultSpearman": spearman(total, default["jansen"]),
                    "RelativeError": (total - reference).abs().mean(1) / reference.mean(1),
                }
                recorder.add_images(values, method=label, estimator=estimator, points=points)
    save_table(outputs["table"], recorder.table(**run_names(cfg.wildcards)), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.SAMPLERS},
        snakemake=globals().get("snakemake"),
    )
