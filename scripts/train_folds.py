"""Train one network a fold, each without its fold, on labels of which some are switched."""

from typing import TYPE_CHECKING

from harness import grid, places
from harness.job import Config, Paths, main

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor

    from sparks.data import ImageSet

PARTS = (
    "model.classifier", "model.training", "model.loss", "training", "studies.stability.training",
    "studies.stability.folds", "seed", "device",
)  # fmt: skip


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the weights of every fold, and one history of all."""
    from dataclasses import replace
    from pathlib import Path

    import pandas as pd

    from sparks.artifacts import save_table
    from sparks.data import ImageSet
    from sparks.stability.folds import stratified_folds, switch_labels

    images = ImageSet.load(inputs["train"])
    k, seed = cfg["studies.stability.folds"], cfg["seed"]
    folds = stratified_folds(images.labels, k, seed)
    share = int(cfg.wildcards["switched"]) / 100
    # Networks learn from the switched labels; whether they are right is asked of the true ones.
    switched = switch_labels(images.labels, share, len(images.classes), seed)
    noisy = replace(images, labels=switched)
    weights = [Path(path) for path in outputs["weights"]]
    history = [_train_fold(cfg, noisy, images, folds, f, path) for f, path in enumerate(weights)]
    save_table(outputs["history"], pd.concat(history, ignore_index=True), cfg.provenance())
    # Kept until now: of a job that is killed, Snakemake deletes what it had written.
    for path in weights:
        Path(f"{path}.checkpoint").unlink(missing_ok=True)


def _train_fold(
    cfg: Config, noisy: "ImageSet", images: "ImageSet", folds: "Tensor", fold: int, path: object
) -> "DataFrame":
    """Train the network of one fold; returns one row an epoch."""
    import pandas as pd

    from harness.loading import build, classifier
    from sparks.models import save_weights
    from sparks.training import accuracy, derive, fit

    # The images held out are for explanations: they choose no epoch.
    alone = {"validation": 0.0, "keep": "last", "patience": None}
    here = cfg["studies.stability.training"]
    settings = build(cfg["training"] | cfg["model.training"] | here | alone)
    seed = derive(cfg["seed"], fold)
    model = classifier(cfg["model.classifier"], seed)
    train = noisy.subset((folds != fold).nonzero().flatten())
    description = f"fold {fold + 1}"
    checkpoint = f"{path}.checkpoint"
    loss = build(cfg["model.loss"]) if cfg["model.loss"] else None
    history = fit(model, train, None, settings, seed, cfg["device"], checkpoint, description, loss)
    held_out = images.subset((folds == fold).nonzero().flatten())
    right = accuracy(model, held_out, device=cfg["device"])
    save_weights(model, str(path), cfg.provenance())
    names = {key: cfg.wildcards[key] for key in ("dataset", "model", "switched")}
    table = pd.DataFrame(history.epochs).assign(**names, seed=cfg["seed"], fold=fold)
    return table.assign(epoch=range(1, len(table) + 1), accuracy=right, images=len(held_out))


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"train": places.TRAIN},
        outputs={"weights": grid.fold_weights, "history": places.FOLD_HISTORY},
        snakemake=globals().get("snakemake"),
    )
