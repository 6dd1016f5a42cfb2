"""Cover the places where test images show a concept: what does that do to the class's logit?"""

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "studies.covering.measure",
    "studies.covering.classes",
    "studies.covering.concepts",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the changes of every image, and some images, for the concepts of the Lens atlas."""
    from sparks.concepts.layer import Layer
    from sparks.data import ImageSet
    from sparks.io import save_tensors
    from sparks_thesis.lens import Atlas
    from sparks_thesis.lens.study_covering import CoveringStudy
    from sparks_thesis.pipeline.artifacts import (
        build_study,
        load_model,
        settings_below,
        write_results,
    )
    from sparks_thesis.pipeline.classes import banks_beside
    from sparks_thesis.pipeline.factories import concept_layers

    study = build_study(CoveringStudy, settings_below(cfg, "studies.covering"))
    train, test = (ImageSet.load(inputs[split]) for split in ("train", "test"))
    (name,) = concept_layers({}, cfg["model.name"], cfg["model.concept_layer"])
    model = load_model(cfg, inputs)
    layer = Layer(model, name, test.batch([0]))
    (concepts,) = inputs["concepts"]
    atlas = Atlas.beside(inputs["table"], banks_beside(concepts))
    numbers, pictures = study.run(atlas, model, layer, train, test)
    write_results(cfg, outputs["table"], numbers)
    save_tensors(outputs["pictures"], pictures, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.study_of_concepts("lens", table=paths.LENS),
        outputs={"table": paths.COVERING, "pictures": paths.COVERING_PICTURES},
        snakemake=globals().get("snakemake"),
    )
