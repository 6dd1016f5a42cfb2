"""Explain images, or a shard of them, by the networks of every fold; compare their maps."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier", "attribution", "studies.stability.explain", "studies.stability.folds",
    "studies.stability.label_noise", "studies.stability.randomised", "studies.stability.noise",
    "studies.stability.common_seed",
    "studies.stability.images", "studies.stability.target", "studies.stability.distances",
    "studies.stability.metrics", "studies.stability.shard", "seed", "device",
)  # fmt: skip


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the distances of every pair of maps, and the metrics of the maps of unseen images."""
    from functools import partial

    from sparks.data import ImageSet
    from sparks.io import save_table
    from sparks_thesis.pipeline.artifacts import build_study, settings_below
    from sparks_thesis.pipeline.factories import build_method, of_shard, run_names, trained
    from sparks_thesis.stability.study import StabilityStudy

    settings, option = settings_below(cfg, "studies.stability"), cfg["attribution"]
    method = build_method(option | {"method": option["method"] | settings["explain"]})
    study = build_study(StabilityStudy, settings, method=method, seed=cfg["seed"])
    network = partial(trained, cfg["model.classifier"], device=cfg["device"])
    pairs, metrics = study.run(
        ImageSet.load(inputs["train"]),
        lambda percent: map(network, inputs[f"labels_{percent}"]),
        partial(of_shard, size=settings["shard"], shard=cfg.wildcards.get("shard")),
        **run_names(cfg.wildcards),
        method=option["label"],
    )
    save_table(outputs["pairs"], pairs, cfg.provenance())
    save_table(outputs["metrics"], metrics, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.stability_inputs,
        outputs={"pairs": paths.PAIRS, "metrics": paths.PAIR_METRICS},
        snakemake=globals().get("snakemake"),
    )
