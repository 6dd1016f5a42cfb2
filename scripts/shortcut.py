"""Correct training images by what explanations have in common, and train on them again."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "model.training",
    "studies.shortcut",
    "training",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write accuracies with and without the corrections; keep some pictures."""
    from functools import partial

    from sparks.data import ImageSet
    from sparks.io import save_tensors
    from sparks.training import Settings
    from sparks_thesis.beyond.shortcut import Recipe, ShortcutStudy
    from sparks_thesis.pipeline.artifacts import build_study, load_splits, write_results
    from sparks_thesis.pipeline.factories import build_as, classifier

    settings = cfg["studies.shortcut"]
    study = build_study(ShortcutStudy, settings, seed=cfg["seed"])
    training = cfg["training"] | cfg["model.training"] | settings["training"]
    network = partial(classifier, cfg["model.classifier"])
    recipe = Recipe(network, build_as(Settings, training), cfg["device"])
    layer = settings["layers"].get(cfg["model.name"], cfg["model.concept_layer"])
    train, tests = ImageSet.load(inputs["train"]), load_splits(inputs["splits"])
    numbers, pictures = study.run(recipe, layer, train, tests)
    write_results(cfg, outputs["table"], numbers)
    save_tensors(outputs["pictures"], pictures, cfg.provenance(classes=list(train.classes)))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"train": paths.TRAIN, "splits": dag.test_splits},
        outputs={"table": paths.SHORTCUT, "pictures": paths.SHORTCUT_PICTURES},
        snakemake=globals().get("snakemake"),
    )
