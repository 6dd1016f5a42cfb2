"""Train one network a fold, each without its fold, on labels of which some are wrong."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier", "model.training", "model.loss", "training", "studies.stability.training",
    "studies.stability.folds", "studies.stability.together", "seed", "device",
)  # fmt: skip


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the weights of every fold, and one history of all."""
    from functools import partial
    from pathlib import Path

    from sparks.data import ImageSet
    from sparks.io import save_table
    from sparks.models import save_weights
    from sparks.training import Settings
    from sparks_thesis.common.train import discard
    from sparks_thesis.pipeline.artifacts import build_study, settings_below
    from sparks_thesis.pipeline.factories import build, build_as, classifier
    from sparks_thesis.stability.study_folds import FoldTraining

    settings = settings_below(cfg, "studies.stability")
    training = cfg["training"] | cfg["model.training"] | settings["training"]
    study = build_study(
        FoldTraining,
        settings,
        build=partial(classifier, cfg["model.classifier"]),
        training=build_as(Settings, training),
        loss=build(cfg["model.loss"]) if cfg["model.loss"] else None,
        percent=int(cfg.wildcards["label_noise"]),
        seed=cfg["seed"],
        device=cfg["device"],
    )
    checkpoints = [Path(f"{path}.checkpoint") for path in outputs["weights"]]
    names = {key: cfg.wildcards[key] for key in ("dataset", "model")}
    models, history = study.run(ImageSet.load(inputs["train"]), checkpoints, **names)
    for model, path in zip(models, outputs["weights"], strict=True):
        save_weights(model, path, cfg.provenance())
    save_table(outputs["history"], history, cfg.provenance())
    discard(checkpoints)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"train": paths.TRAIN},
        outputs={"weights": dag.fold_weights, "history": paths.FOLD_HISTORY},
        snakemake=globals().get("snakemake"),
    )
