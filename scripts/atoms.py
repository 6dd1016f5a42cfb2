"""Fit one dictionary to photographs of many classes, and survey its atoms for every class."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "studies.atoms.survey",
    "studies.atoms.drawing",
    "studies.atoms.side",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the atoms, what they do to every class, and what the site shows of them."""
    from collections import Counter

    import torch

    from sparks.concepts.layer import Layer
    from sparks.data.imagenet_names import distinct_names
    from sparks.io import save_tensors
    from sparks.models import resolve_device
    from sparks.visualization import Ascent
    from sparks.visualization.natural import natural_images
    from sparks_thesis.lens.atoms import AtomSurvey
    from sparks_thesis.lens.every_class import of_every_class
    from sparks_thesis.lens.photographs import photographs, side_of
    from sparks_thesis.pipeline.artifacts import write_results
    from sparks_thesis.pipeline.factories import build_as, classifier

    survey = build_as(AtomSurvey, cfg["studies.atoms.survey"])
    sources = [survey.balanced(source) for source in photographs(inputs["images"])]
    side = side_of(sources)
    made = classifier(of_every_class(cfg["model.classifier"], side), seed=0)
    model = made.to(resolve_device(cfg["device"])).eval()
    layer = Layer(model, cfg["model.concept_layer"], torch.zeros(1, 3, side, side))
    draw = build_as(Ascent, cfg["studies.atoms.drawing"])
    statistics = natural_images(cfg["studies.atoms.side"])
    numbers, tensors, credits = survey.run(layer, sources, statistics, draw)
    write_results(cfg, outputs["table"], numbers, dataset="photographs of all classes")
    about = {
        "classes": list(distinct_names()),
        "credits": credits,
        "sources": list(Counter(s.name for s in sources for _ in range(len(s.images))).items()),
    }
    save_tensors(outputs["atoms"], tensors, cfg.provenance(**about))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.atoms_inputs,
        outputs={"table": paths.ATOMS, "atoms": paths.ATOMS_TENSORS},
        snakemake=globals().get("snakemake"),
    )
