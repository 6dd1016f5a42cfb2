"""Explain images, or a shard of them, by the networks of every fold; compare their maps."""

from typing import TYPE_CHECKING, Any

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparks.models import Classifier
    from sparks.protocols import AttributionMethod

CONFIG_KEYS = (
    "model.classifier", "attribution", "studies.stability.explain", "studies.stability.folds",
    "studies.stability.label_noise", "studies.stability.randomised", "studies.stability.noise",
    "studies.stability.common_seed",
    "studies.stability.images", "studies.stability.target", "studies.stability.distances",
    "studies.stability.metrics", "studies.stability.shard", "seed", "device",
)  # fmt: skip


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the distances of every pair of maps, and the metrics of the maps of unseen images."""
    import pandas as pd
    import torch

    from sparks.data import ImageSet
    from sparks.io import save_table
    from sparks.progress import progress
    from sparks.stability.compare import chosen_images, compare
    from sparks.stability.distances import Distances
    from sparks.stability.folds import stratified_folds
    from sparks_thesis.pipeline.factories import build_as, build_metric, of_shard
    from sparks_thesis.stability.rows import SAME, pair_rows

    images = ImageSet.load(inputs["train"])
    k, seed = cfg["studies.stability.folds"], cfg["seed"]
    folds = stratified_folds(images.labels, k, seed)
    chosen = chosen_images(images.labels, folds, cfg["studies.stability.images"], seed)
    size, shard = cfg["studies.stability.shard"], cfg.wildcards.get("shard")
    mine = [chosen[folds[chosen] == fold] for fold in range(k)]
    chosen = torch.cat([part[of_shard(len(part), size, shard)] for part in mine])
    distances = build_as(Distances, cfg["studies.stability.distances"])
    metrics = [build_metric(metric) for metric in cfg["studies.stability.metrics"].values()]
    names = {key: cfg.wildcards[key] for key in ("dataset", "model", "seed")}
    names["method"] = cfg["attribution"]["label"]
    methods, tables = _methods(cfg), []
    random = methods[0] != methods[-1]  # each network with random numbers of its own
    conditions = (
        1
        + random
        + sum(len(cfg[f"studies.stability.{key}"]) for key in ("label_noise", "randomised"))
    )
    total = conditions * len(chosen)
    with progress(total=total, unit="image", description="compare") as bar:
        for degradation, models in _networks(cfg, inputs, random):
            scored = metrics if degradation["degradation"] != SAME else []
            shards = compare(
                models, methods, images, folds, chosen, distances, scored,
                cfg["studies.stability.target"],
            )  # fmt: skip
            rows = pair_rows(_counted(shards, bar))
            tables.append([table.assign(**names, **degradation) for table in rows])
    for name, parts in zip(("pairs", "metrics"), zip(*tables, strict=True), strict=True):
        save_table(outputs[name], pd.concat(parts, ignore_index=True), cfg.provenance())


def _methods(cfg: Config) -> "list[AttributionMethod]":
    """Build the method once a network, each with a seed of its own as in separate runs."""
    from dataclasses import is_dataclass, replace

    from sparks_thesis.pipeline.factories import build_method

    settings = cfg["attribution"]["method"] | cfg["studies.stability.explain"]
    method: Any = build_method(cfg["attribution"] | {"method": settings})
    seeded = hasattr(method, "seed") and is_dataclass(method)
    folds = range(cfg["studies.stability.folds"])
    if not seeded or cfg["studies.stability.common_seed"]:
        return [method for _ in folds]
    return [replace(method, seed=method.seed + fold) for fold in folds]


def _networks(
    cfg: Config, inputs: Paths, random: bool
) -> "Iterator[tuple[dict[str, Any], list[Classifier]]]":
    """Load the networks of one condition after the other, with what was degraded in them.

    Where the method draws random numbers, one network alone comes last, in place of all.
    """
    from sparks.stability.folds import randomise_weights
    from sparks.training import derive
    from sparks_thesis.pipeline.factories import trained
    from sparks_thesis.stability.rows import LABELS, SAME, WEIGHTS

    settings, device = cfg["model.classifier"], cfg["device"]
    for percent in [0, *cfg["studies.stability.label_noise"]]:
        files = inputs[f"labels_{percent}"]
        degradation = {"degradation": LABELS if percent else "", "percent": percent}
        yield degradation, [trained(settings, f, device) for f in files]
    for percent in cfg["studies.stability.randomised"]:
        models = [trained(settings, file, device) for file in inputs["labels_0"]]
        for fold, model in enumerate(models):
            noise = cfg["studies.stability.noise"]
            randomise_weights(model, percent / 100, noise, derive(cfg["seed"], fold))
        yield {"degradation": WEIGHTS, "percent": percent}, models
    # What of the distances is noise of the method: one network, explained with other seeds.
    [one, *others] = inputs["labels_0"]
    if not random:
        return
    yield {"degradation": SAME, "percent": 0}, [trained(settings, one, device)] * (1 + len(others))


def _counted(shards: Any, bar: Any) -> Any:
    for shard in shards:
        yield shard
        bar.update(len(shard.image))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.stability_inputs,
        outputs={"pairs": paths.PAIRS, "metrics": paths.PAIR_METRICS},
        snakemake=globals().get("snakemake"),
    )
