"""Make a text set and train its classifier; a killed training resumes from its last epoch."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("text", "words.classifier", "words.training", "training", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the test texts and the classifier's weights, with the history of its training."""
    from pathlib import Path

    from sparks.models import save_weights
    from sparks.training import Settings, fit, holdout
    from sparks_thesis.pipeline.factories import build, build_as, classifier

    texts = build(cfg["text"]["builder"])()
    model = classifier(cfg["words.classifier"], cfg["seed"])
    settings = build_as(Settings, cfg["training"] | cfg["words.training"])
    train, validation = holdout(texts["train"], settings.validation, cfg["seed"])
    checkpoint = Path(f"{outputs['weights']}.checkpoint")
    history = fit(model, train, validation, settings, cfg["seed"], cfg["device"], checkpoint)
    texts["test"].save(outputs["texts"], cfg.provenance())
    save_weights(model, outputs["weights"], cfg.provenance(history=history.epochs))
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"texts": paths.TEXTS, "weights": paths.TEXT_WEIGHTS},
        snakemake=globals().get("snakemake"),
    )
