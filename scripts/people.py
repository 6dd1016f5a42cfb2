"""Compare the maps of attribution methods with where real people looked, clicked or drew."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.people", "explain.target", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the agreement of every method, of the controls, and of people among themselves."""
    from sparks.data import ImageSet
    from sparks.io import save_tensors
    from sparks_thesis.harmonization.study_people import PeopleStudy
    from sparks_thesis.pipeline.artifacts import build_study, load_model, write_results
    from sparks_thesis.pipeline.factories import targets

    settings = cfg["studies.people"]
    study = build_study(PeopleStudy, settings, seed=cfg["seed"])
    images = ImageSet.load(inputs["images"]).subset(slice(settings["images"]))
    model = load_model(cfg, inputs)
    target = targets(images, model, cfg["explain.target"], inputs["images"])
    numbers, maps = study.run(model, images, target)
    write_results(cfg, outputs["table"], numbers)
    credits = list(images.credits)[: study.kept]
    save_tensors(
        outputs["maps"], maps, cfg.provenance(classes=list(images.classes), credits=credits)
    )


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.PEOPLE, "maps": paths.PEOPLE_MAPS},
        snakemake=globals().get("snakemake"),
    )
