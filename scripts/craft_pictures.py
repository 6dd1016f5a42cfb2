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
    from sparks_thesis.pipeline.classes import concept_inputs
    from sparks_thesis.pipeline.factories import build_as

    draw = partial(
        concept_pictures,
        statistics=ImageStatistics.of_tensors(load_tensors(inputs["spectrum"])),
        ascent=build_as(Ascent, cfg["drawing"]),
        seed=cfg["seed"],
    )
    tensors, metadata = build_as(Pictures, cfg["studies.craft.pictures"]).run(
        build_as(CraftStudy, cfg["studies.craft.study"]),
        concept_inputs(cfg, inputs, cfg["studies.craft.layers"]),
        draw,
    )
    save_tensors(outputs["pictures"], tensors, cfg.provenance(**metadata))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.study_of_concepts("craft", spectrum=paths.SPECTRUM),
        outputs={"pictures": paths.CRAFT_PICTURES},
        snakemake=globals().get("snakemake"),
    )
