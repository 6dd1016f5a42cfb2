"""Train a model, or take it ready-made; a killed training resumes from its last epoch."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

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
    from sparks.models import save_weights
    from sparks.training import Settings
    from sparks_thesis.common.train import check_classes, discard, take_ready_made, train_network
    from sparks_thesis.pipeline.factories import build, build_as, classifier

    start, seed, weights = perf_counter(), cfg["seed"], cfg["model.weights"]
    model = classifier(cfg["model.classifier"], seed)
    train = ImageSet.load(inputs["train"])
    check_classes(cfg["model.classifier"].get("net", {}).get("classes"), train)
    checkpoint = Path(f"{outputs['weights']}.checkpoint")
    if weights is None:
        settings = build_as(Settings, cfg["training"] | cfg["model.training"])
        loss = build(cfg["model.loss"]) if cfg["model.loss"] else None
        how = (settings, loss, seed, cfg["device"], checkpoint)
        history = train_network(model, train, *how)
    else:
        history = take_ready_made(model, weights)
    names = {key: cfg.wildcards[key] for key in ("dataset", "model")} | {"seed": seed}
    parameters = sum(p.numel() for p in model.parameters())
    provenance = cfg.provenance()
    save_table(outputs["history"], history.assign(parameters=parameters, **names), provenance)
    seconds = pd.DataFrame([names | {"value": perf_counter() - start}])
    save_table(outputs["time"], seconds, provenance)
    save_weights(model, outputs["weights"], provenance)
    discard([checkpoint])


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
