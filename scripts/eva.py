"""Explain images by EVA and by what it is compared with, score all, and keep what bounds prove."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.eva", "explain.target", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the scores of every method and image, what each cost in seconds, maps and slices."""
    from sparks.attribution import EVA
    from sparks.io import save_tensors
    from sparks_thesis.eva.study import EvaStudy
    from sparks_thesis.pipeline.artifacts import build_study, load_explained, write_results
    from sparks_thesis.pipeline.factories import build_methods, of_kind

    settings = cfg["studies.eva"]
    eva = of_kind(EVA, *build_methods(settings["own"]).values())
    study = build_study(EvaStudy, settings, eva=eva, seed=cfg["seed"])
    found = study.run(cfg.wildcards["model"], *load_explained(cfg, inputs))
    write_results(cfg, outputs["table"], found.scores)
    write_results(cfg, outputs["cost"], found.costs)
    save_tensors(outputs["maps"], found.kept, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.EVA, "cost": paths.EVA_COST, "maps": paths.EVA_MAPS},
        snakemake=globals().get("snakemake"),
    )
