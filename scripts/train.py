"""Train a model, or take it ready-made; a killed training resumes from its last epoch."""

from typing import TYPE_CHECKING, Any

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from pathlib import Path

    from pandas import DataFrame

    from sparks.data import ImageSet
    from sparks.models import Classifier

CONFIG_KEYS = (
    "model.classifier",
    "model.weights",
    "model.training",
    "model.loss",
    "training",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the weights, the history of the training and the time it took."""
    from pathlib import Path
    from time import perf_counter

    import pandas as pd

    from sparks.data import ImageSet
    from sparks.io import save_table
    from sparks.models import load_weights, save_weights
    from sparks_thesis.pipeline.factories import classifier

    start = perf_counter()
    model = classifier(cfg["model.classifier"], cfg["seed"])
    train = ImageSet.load(inputs["train"])
    _check_classes(cfg["model.classifier"], train)
    checkpoint = Path(f"{outputs['weights']}.checkpoint")
    weights = cfg["model.weights"]
    if weights is None:
        history = _trained(cfg, model, train, checkpoint)
    else:
        history = pd.DataFrame({"epoch": [0], "images": [0]})
        if weights != "included":
            load_weights(model, weights)
    parameters = sum(p.numel() for p in model.parameters())
    names = {key: cfg.wildcards[key] for key in ("dataset", "model")} | {"seed": cfg["seed"]}
    provenance = cfg.provenance()
    save_table(outputs["history"], history.assign(parameters=parameters, **names), provenance)
    seconds = pd.DataFrame([names | {"value": perf_counter() - start}])
    save_table(outputs["time"], seconds, provenance)
    save_weights(model, outputs["weights"], provenance)
    checkpoint.unlink(missing_ok=True)


def _check_classes(settings: dict[str, Any], train: "ImageSet") -> None:
    """Refuse a network of some of ImageNet's classes whose data are of others."""
    from sparks.errors import SparksError

    known = train.tables.get("imagenet_labels")
    chosen = settings.get("net", {}).get("classes")
    if known is not None and chosen is not None and known != chosen:
        raise SparksError(
            f"the network is of ImageNet's classes {chosen}, the images of {known}: set "
            "imagenet_classes of the data set to these"
        )


def _trained(
    cfg: Config, model: "Classifier", train: "ImageSet", checkpoint: "Path"
) -> "DataFrame":
    """Train, and tell what happened: one row an epoch."""
    import pandas as pd

    from sparks.errors import SparksError
    from sparks.training import Loss, Settings, fit, holdout
    from sparks_thesis.pipeline.factories import build, build_as

    if len(train.classes) < 2:
        raise SparksError(
            f"the data have one class ({train.classes[0]!r}), of which nothing can be learnt: "
            "name a checkpoint in model.weights, or give them more classes"
        )
    settings = build_as(Settings, cfg["training"] | cfg["model.training"])
    loss: Loss | None = build(cfg["model.loss"]) if cfg["model.loss"] else None
    to_train, to_validate = holdout(train, settings.validation, cfg["seed"])
    history = fit(
        model,
        to_train,
        to_validate,
        settings,
        cfg["seed"],
        cfg["device"],
        checkpoint=checkpoint,
        loss=loss,
    )
    table = pd.DataFrame(history.epochs).assign(images=len(to_train), kept=history.kept)
    return table.assign(epoch=range(1, len(table) + 1))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"train": paths.TRAIN},
        outputs={
            "weights": paths.WEIGHTS,
            "history": paths.HISTORY,
            "time": paths.TRAINING_TIME,
        },
        snakemake=globals().get("snakemake"),
    )
