"""Train one network a fold, each without its fold, on labels of which some are wrong."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sparks.data import ImageSet
    from sparks.models import Classifier
    from sparks.training import History

CONFIG_KEYS = (
    "model.classifier", "model.training", "model.loss", "training", "studies.stability.training",
    "studies.stability.folds", "studies.stability.together", "seed", "device",
)  # fmt: skip


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the weights of every fold, and one history of all."""
    from dataclasses import replace
    from pathlib import Path

    import pandas as pd

    from sparks.data import ImageSet
    from sparks.io import save_table
    from sparks.models import save_weights
    from sparks.stability.folds import add_label_noise, stratified_folds
    from sparks.training import accuracy, derive
    from sparks_thesis.pipeline.factories import classifier

    images = ImageSet.load(inputs["train"])
    k, seed = cfg["studies.stability.folds"], cfg["seed"]
    folds = stratified_folds(images.labels, k, seed)
    percent = int(cfg.wildcards["label_noise"])  # of labels that are wrong
    # Networks learn from the noisy labels; whether they are right is asked of the true ones.
    noisy_labels = add_label_noise(images.labels, percent / 100, len(images.classes), seed)
    noisy = replace(images, labels=noisy_labels)
    trains = [noisy.subset((folds != fold).nonzero().flatten()) for fold in range(k)]
    seeds = [derive(seed, fold) for fold in range(k)]
    models = [classifier(cfg["model.classifier"], seed) for seed in seeds]
    weights = [Path(path) for path in outputs["weights"]]
    checkpoints = [Path(f"{path}.checkpoint") for path in weights]
    histories = _train(cfg, models, trains, seeds, checkpoints)
    names = {key: cfg.wildcards[key] for key in ("dataset", "model")}
    tables = []
    for fold, (model, path, history) in enumerate(zip(models, weights, histories, strict=True)):
        held_out = images.subset((folds == fold).nonzero().flatten())
        right = accuracy(model, held_out, device=cfg["device"])
        save_weights(model, str(path), cfg.provenance())
        table = pd.DataFrame(history.epochs).assign(**names, percent=percent, seed=seed, fold=fold)
        epoch = range(1, len(table) + 1)
        tables.append(table.assign(epoch=epoch, accuracy=right, images=len(held_out)))
    save_table(outputs["history"], pd.concat(tables, ignore_index=True), cfg.provenance())
    # Kept until now: of a job that is killed, Snakemake deletes what it had written.
    for path in checkpoints:
        path.unlink(missing_ok=True)


def _train(
    cfg: Config,
    models: "Sequence[Classifier]",
    trains: "Sequence[ImageSet]",
    seeds: "Sequence[int]",
    checkpoints: "Sequence[Path]",
) -> "list[History]":
    """Train the networks in place, together where that can be."""
    from sparks.training import Loss, Settings, fit, fit_ensemble, vectorisation_blocker
    from sparks_thesis.pipeline.factories import build, build_as

    # The images held out are for explanations: they choose no epoch.
    alone = {"validation": 0.0, "keep": "last", "patience": None}
    here = cfg["studies.stability.training"]
    settings = build_as(Settings, cfg["training"] | cfg["model.training"] | here | alone)
    loss: Loss | None = build(cfg["model.loss"]) if cfg["model.loss"] else None
    device = cfg["device"]
    apart: str | None = "studies.stability.together is false"
    if cfg["studies.stability.together"]:
        apart = vectorisation_blocker(models, trains, settings, device, loss)
    if apart is None:
        return fit_ensemble(models, trains, settings, seeds, device, checkpoints[0], "folds")
    print(f"Folds are trained one after the other: {apart}.", flush=True)
    return [
        fit(model, train, None, settings, seed, device, path, f"fold {fold}", loss)
        for fold, (model, train, seed, path) in enumerate(
            zip(models, trains, seeds, checkpoints, strict=True), 1
        )
    ]


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"train": paths.TRAIN},
        outputs={"weights": dag.fold_weights, "history": paths.FOLD_HISTORY},
        snakemake=globals().get("snakemake"),
    )
