"""Score the maps of one method by one family of metrics."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from torch import Tensor

CONFIG_KEYS = ("model.classifier", "attribution", "metric", "device")

# Images and maps in memory at a time. Fixed: float sums depend on it.
SLICE = 128


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write every metric of the family for every image."""
    import torch

    from sparks.data import ImageSet
    from sparks.io import load_tensors, save_table
    from sparks.metrics import Explanation
    from sparks.results import MetricRecorder
    from sparks_thesis.pipeline.factories import (
        build_method,
        build_metric,
        counting_from,
        run_names,
        trained,
    )

    family = cfg["metric"]
    images = ImageSet.load(inputs["images"])
    n = min(len(images), family["images"] or len(images))
    model = None
    if family["needs_model"]:
        model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    metrics = [build_metric(metric) for metric in family["metrics"].values()]
    scored: list[dict[str, Tensor]] = []
    for rows in (slice(start, min(n, start + SLICE)) for start in range(0, n, SLICE)):
        explanation = Explanation(
            model,
            images.batch(rows),
            **load_tensors(inputs["maps"], ["maps", "target"], rows=rows),
            truth=images.subset(rows).diagnostic() if family["needs_truth"] else None,
            method=build_method(cfg["attribution"]) if family["needs_method"] else None,
        )
        scored.append({})
        with counting_from(rows.start, inputs["images"]):
            for metric in metrics:
                scored[-1] |= metric(explanation)
    values = {name: torch.cat([part[name] for part in scored]) for name in scored[0]}
    recorder = MetricRecorder()
    recorder.add_images(values, method=cfg["attribution"]["label"])
    save_table(outputs["table"], recorder.table(**run_names(cfg.wildcards)), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS, "maps": paths.MAPS},
        outputs={"table": paths.SCORES},
        snakemake=globals().get("snakemake"),
    )
