"""Score the maps of one method by all families of metrics that experiments ask for."""

from typing import TYPE_CHECKING, Any

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from torch import Tensor

    from sparks.data import ImageSet
    from sparks.models import Classifier

CONFIG_KEYS = ("model.classifier", "attribution", "families", "device")

# Images and maps in memory at a time. Fixed: float sums depend on it.
SLICE = 128


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write every metric of every family for every image."""
    from sparks.data import ImageSet
    from sparks.io import save_table
    from sparks.results import MetricRecorder
    from sparks_thesis.pipeline.factories import run_names, trained

    families = cfg["families"].values()
    images, model = ImageSet.load(inputs["images"]), None
    if any(family["needs_model"] for family in families):
        model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    recorder = MetricRecorder()
    for family in families:
        values = _scores(cfg, family, inputs, images, model)
        recorder.add_images(values, method=cfg["attribution"]["label"])
    save_table(outputs["table"], recorder.table(**run_names(cfg.wildcards)), cfg.provenance())


def _scores(
    cfg: Config,
    family: dict[str, Any],
    inputs: Paths,
    images: "ImageSet",
    model: "Classifier | None",
) -> "dict[str, Tensor]":
    """Score the first images by one family of metrics."""
    import torch

    from sparks.io import load_tensors
    from sparks.metrics import Explanation
    from sparks_thesis.pipeline.factories import build_method, build_metric, counting_from

    n = min(len(images), family["images"] or len(images))
    metrics = [build_metric(metric) for metric in family["metrics"].values()]
    scored: list[dict[str, Tensor]] = []
    for rows in (slice(start, min(n, start + SLICE)) for start in range(0, n, SLICE)):
        explanation = Explanation(
            model if family["needs_model"] else None,
            images.batch(rows),
            **load_tensors(inputs["maps"], ["maps", "target"], rows=rows),
            truth=images.subset(rows).diagnostic() if family["needs_truth"] else None,
            method=build_method(cfg["attribution"]) if family["needs_method"] else None,
        )
        scored.append({})
        with counting_from(rows.start, inputs["images"]):
            for metric in metrics:
                scored[-1] |= metric(explanation)
    return {name: torch.cat([part[name] for part in scored]) for name in scored[0]}


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS, "maps": paths.MAPS},
        outputs={"table": paths.SCORES},
        snakemake=globals().get("snakemake"),
    )
