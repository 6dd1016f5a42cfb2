"""Train a model, or take it ready-made; a killed training resumes from its last epoch."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("model", "training", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the weights, the history of the training and the time it took."""
    from time import perf_counter

    import pandas as pd
    from harness.loading import classifier
    from hydra.utils import instantiate
    from sparks.artifacts import save_table
    from sparks.data import ImageSet
    from sparks.models import save_weights
    from sparks.training import fit

    start = perf_counter()
    model = classifier(cfg["model"], cfg["seed"])
    history = fit(
        model,
        ImageSet.load(inputs["train"]),
        instantiate(cfg["training"] | cfg["model"]["training"]),
        cfg["seed"],
        cfg["device"],
        checkpoint=f"{outputs['weights']}.checkpoint",
    )
    save_table(outputs["history"], history, cfg.provenance())
    row = {**cfg.wildcards, "metric": "Seconds", "value": perf_counter() - start}
    save_table(outputs["time"], pd.DataFrame([row]), cfg.provenance())
    save_weights(model, outputs["weights"], cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"train": places.TRAIN},
        outputs={
            "weights": places.WEIGHTS,
            "history": places.HISTORY,
            "time": places.TRAINING_TIME,
        },
        snakemake=globals().get("snakemake"),
    )
