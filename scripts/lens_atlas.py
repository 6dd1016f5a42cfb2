"""Survey the classes of one model for Lens: concepts, what they count, where and how they look."""

from typing import Any

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
    from sparks.io import save_table
    from sparks_thesis.lens import Surveyor, write_atlas
    from sparks_thesis.lens.links import SimilarConcepts
    from sparks_thesis.pipeline.classes import classes_of_shard, classified, stored_concepts
    from sparks_thesis.pipeline.factories import build_as, concept_layers, run_names, trained

    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    (layer,) = concept_layers({}, cfg["model.name"], cfg["model.concept_layer"])
    surveyor = build_as(Surveyor, cfg["studies.lens.surveyor"])
    train, test = (classified(inputs, split) for split in ("train", "test"))
    names = cfg.wildcards
    part = classes_of_shard(cfg["concepts.shard"], names.get("shard"))
    source = stored_concepts(inputs["concepts"], signed=True)
    draw = drawing(cfg, inputs["spectrum"])
    classes = surveyor.survey(model, layer, train, source, draw, part, test)
    similar = build_as(SimilarConcepts, cfg["studies.lens.alike"])
    numbers = write_atlas(outputs["atlas"], classes, source.banks[layer].load, similar)
    table = numbers.table(**run_names(names))
    save_table(outputs["table"], table, cfg.provenance())


def drawing(cfg: Config, spectrum: str) -> Any:
    """Return what draws concepts by MACO, their opacity as the last channel."""
    import torch

    from sparks.io import load_tensors
    from sparks.visualization import (
        Ascent,
        ImageStatistics,
        concept_pictures,
        stretched,
        transparency,
    )
    from sparks_thesis.pipeline.factories import build_as

    statistics = ImageStatistics.of_tensors(load_tensors(spectrum))
    ascent = build_as(Ascent, cfg["drawing"])

    def draw(concepts: Any) -> torch.Tensor:
        bank = concepts.dictionary.atoms
        (made,) = concept_pictures(concepts.layer, [bank], statistics, ascent, int(cfg["seed"]))
        return torch.cat([stretched(made.images), transparency(made.alpha)[:, None]], 1)

    return draw


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: {
            **concept_files.study_of_concepts("lens")(config, names),
            "spectrum": paths.SPECTRUM.format(**names),
        },
        outputs={"table": paths.LENS, "atlas": paths.LENS_ATLAS},
        snakemake=globals().get("snakemake"),
    )
