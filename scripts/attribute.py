"""Explain the chosen images, or a shard of them, by one method, and count what it cost."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

CONFIG_KEYS = (
    "model.classifier", "attribution", "explain.target", "explain.shard", "seed", "device",
)  # fmt: skip

# Images explained and written at a time. Fixed: float sums depend on it.
SLICE = 16


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the maps with the classes they explain, and what they cost: passes, time, memory."""
    from time import perf_counter

    import torch

    from sparks.data import ImageSet
    from sparks.io import save_rows, save_table
    from sparks.models.counting import Counting
    from sparks.models.peak import PeakMemory
    from sparks.progress import progress
    from sparks.results import MetricRecorder
    from sparks_thesis.pipeline.factories import (
        build_method,
        counting_from,
        of_shard,
        run_names,
        targets,
        trained,
    )

    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    peak = PeakMemory(next(model.parameters()).device)
    images = ImageSet.load(inputs["images"])
    shard = of_shard(len(images), cfg["explain.shard"], cfg.wildcards.get("shard"))
    images = images.subset(shard)
    with counting_from(shard.start, inputs["images"]):
        target = targets(images, model, cfg["explain.target"], inputs["images"])
    method = build_method(cfg["attribution"])
    if len(images):
        # Imports and the search of the batch size happen on the first call: no cost of the method.
        method(model, images.batch([0]), target[:1])
    counting, seconds = Counting(model), 0.0

    def blocks() -> "Iterator[dict[str, Tensor]]":
        nonlocal seconds
        first = shard.start
        for (x, _), classes in zip(images.batches(SLICE), torch.split(target, SLICE), strict=True):
            start = perf_counter()
            with counting_from(first, inputs["images"]):
                maps = method(model, x, classes).float().cpu() if len(x) else x[:, 0]
            seconds += perf_counter() - start
            first += len(x)
            yield {"maps": maps, "target": classes}
            bar.update(len(x))

    with counting, progress(total=len(images), unit="image", description="explain") as bar:
        save_rows(outputs["maps"], blocks(), len(images), cfg.provenance())
    each = torch.ones(1, dtype=torch.float64) / max(1, len(images))
    cost = {
        "Forwards": each * counting.forwards,
        "Backwards": each * counting.backwards,
        "Seconds": each * seconds,
        "PeakMemory": torch.tensor([peak.megabytes()]),
    }
    recorder = MetricRecorder()
    recorder.add(cost, method=cfg["attribution"]["label"])
    save_table(outputs["cost"], recorder.table(**run_names(cfg.wildcards)), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"maps": paths.MAPS, "cost": paths.COST},
        snakemake=globals().get("snakemake"),
    )
