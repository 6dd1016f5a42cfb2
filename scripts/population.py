"""Train many small networks alike, and measure how accurate and how aligned with people each is."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.population", "training", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write accuracies and the alignment of every network."""
    from functools import partial

    from sparks.data import ImageSet
    from sparks.training import Settings
    from sparks_thesis.harmonization.study_population import Kind, PopulationStudy
    from sparks_thesis.pipeline.artifacts import build_study, load_splits, write_results
    from sparks_thesis.pipeline.factories import build_as, classifier

    settings = cfg["studies.population"]
    kinds = {}
    for name, own in settings["networks"].items():
        family = settings["families"][own["family"]]
        network = family | {"net": family["net"] | own["net"]}
        training = build_as(Settings, cfg["training"] | own["training"])
        kinds[name] = Kind(partial(classifier, network), training)
    study = build_study(PopulationStudy, settings, networks=kinds, seed=cfg["seed"])
    train, tests = ImageSet.load(inputs["train"]), load_splits(inputs["splits"])
    write_results(cfg, outputs["table"], study.run(train, tests, cfg["device"]))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"train": paths.TRAIN, "splits": dag.test_splits},
        outputs={"table": paths.POPULATION},
        snakemake=globals().get("snakemake"),
    )
