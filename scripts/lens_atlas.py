"""Survey the classes of one model for Lens: concepts, what they count, where and how they look."""

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "studies.lens.surveyor",
    "studies.lens.alike",
    "drawing",
    "concepts.shard",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one file a class, of all or of those of a shard, and their numbers."""
    from sparks.io import load_tensors
    from sparks.visualization import Ascent, ImageStatistics
    from sparks_thesis.lens import Surveyor, write_atlas
    from sparks_thesis.lens.drawing import drawing
    from sparks_thesis.lens.links import SimilarConcepts
    from sparks_thesis.pipeline.artifacts import load_model, write_results
    from sparks_thesis.pipeline.classes import classes_of_shard, classified, stored_concepts
    from sparks_thesis.pipeline.factories import build_as, concept_layers

    (layer,) = concept_layers({}, cfg["model.name"], cfg["model.concept_layer"])
    surveyor = build_as(Surveyor, cfg["studies.lens.surveyor"])
    train, test = (classified(inputs, split) for split in ("train", "test"))
    part = classes_of_shard(cfg["concepts.shard"], cfg.wildcards.get("shard"))
    source = stored_concepts(inputs["concepts"], signed=True)
    statistics = ImageStatistics.of_tensors(load_tensors(inputs["spectrum"]))
    draw = drawing(statistics, build_as(Ascent, cfg["drawing"]), cfg["seed"])
    model = load_model(cfg, inputs)
    classes = surveyor.survey(model, layer, train, source, draw, part, test)
    similar = build_as(SimilarConcepts, cfg["studies.lens.alike"])
    numbers = write_atlas(outputs["atlas"], classes, source.banks[layer].load, similar)
    write_results(cfg, outputs["table"], numbers)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.study_of_concepts("lens", spectrum=paths.SPECTRUM),
        outputs={"table": paths.LENS, "atlas": paths.LENS_ATLAS},
        snakemake=globals().get("snakemake"),
    )
