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
    from sparks.concepts.layer import Layer
    from sparks.io import load_tensors, save_tensors
    from sparks.visualization import Ascent, ImageStatistics, concept_pictures, on_white
    from sparks_thesis.craft.pictures import Pictures, mistake
    from sparks_thesis.craft.study import CraftStudy
    from sparks_thesis.pipeline.classes import classified, stored_concepts
    from sparks_thesis.pipeline.factories import build_as, concept_layers, trained

    study = build_as(CraftStudy, cfg["studies.craft.study"])
    pictures = build_as(Pictures, cfg["studies.craft.pictures"])
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    layers = concept_layers(
        cfg["studies.craft.layers"], cfg["model.name"], cfg["model.concept_layer"]
    )
    train, test = classified(inputs, "train"), classified(inputs, "test")
    source = stored_concepts(inputs["concepts"])
    every = (one for _, one in study.classes(model, layers, train, test, source, None))
    shown = next(one for one in every if one.target >= pictures.target)
    tensors = pictures.of_class(study, shown)
    images = test.images
    layer = Layer(model, layers[-1], images.batch([0]))
    worst, wrong = mistake(model, images, source.classes)
    metadata = {"shown": shown.name, "wrong": wrong}
    for name, image in (("unified", int(shown.index[shown.right_first[0]])), ("mistake", worst)):
        found = pictures.of_image(source, model, layer, train, images.batch([image]))
        metadata |= {
            f"{name}_predicted": images.classes[int(found["predicted"])],
            f"{name}_label": images.classes[int(images.labels[image])],
        }
        tensors |= {f"{name}.{key}": value for key, value in found.items()}
    statistics = ImageStatistics.of_tensors(load_tensors(inputs["spectrum"]))
    parts = ("class", "unified", "mistake")
    banks = [tensors.pop(f"{part}.atoms") for part in parts]  # stored with the concepts
    made = concept_pictures(layer, banks, statistics, build_as(Ascent, cfg["drawing"]), cfg["seed"])
    drawn = zip(parts, made, strict=True)
    tensors |= {f"{part}.maco": on_white(found) for part, found in drawn}
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
