"""Keep what the figures of CRAFT show of one class, of one image, and of one mistake."""

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "studies.craft.study",
    "studies.craft.pictures",
    "studies.craft.layers",
    "drawing",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write crops, maps, importances and pictures of concepts."""
    from functools import partial

    from sparks.io import load_tensors, save_tensors
    from sparks.visualization import Ascent, ImageStatistics, concept_pictures
    from sparks_thesis.craft.pictures import Pictures
    from sparks_thesis.craft.study import CraftStudy
    from sparks_thesis.pipeline.artifacts import load_model
    from sparks_thesis.pipeline.classes import classified, stored_concepts
    from sparks_thesis.pipeline.factories import build_as, concept_layers

    known, model = cfg["studies.craft.layers"], load_model(cfg, inputs)
    layers = concept_layers(known, cfg["model.name"], cfg["model.concept_layer"])
    draw = partial(
        concept_pictures,
        statistics=ImageStatistics.of_tensors(load_tensors(inputs["spectrum"])),
        ascent=build_as(Ascent, cfg["drawing"]),
        seed=cfg["seed"],
    )
    tensors, metadata = build_as(Pictures, cfg["studies.craft.pictures"]).run(
        build_as(CraftStudy, cfg["studies.craft.study"]),
        stored_concepts(inputs["concepts"]),
        model,
        layers,
        classified(inputs, "train"),
        classified(inputs, "test"),
        draw,
    )
    save_tensors(outputs["pictures"], tensors, cfg.provenance(**metadata))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: {
            **concept_files.study_of_concepts("craft")(config, names),
            "spectrum": paths.SPECTRUM.format(**names),
        },
        outputs={"pictures": paths.CRAFT_PICTURES},
        snakemake=globals().get("snakemake"),
    )
