"""Extract the concepts of every class, rank them, and compare them with the parts that decide."""

from harness import places
from harness.job import Config, Paths, main

PARTS = (
    "model.classifier",
    "model.layer",
    "model.name",
    "dataset.builder",
    "studies.craft",
    "drawing",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write what was measured of every class, and what the figures show of one class and image."""
    from harness.loading import build, concept_layers, trained
    from sparks.artifacts import load_tensors, save_table, save_tensors
    from sparks.concepts.layer import Layer
    from sparks.concepts.pictures import mistake
    from sparks.data import ImageSet
    from sparks.visualization import ImageStatistics, concept_pictures, on_white

    settings = cfg["studies.craft"]
    study, pictures = build(settings["study"]), build(settings["pictures"])
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    train, test = ImageSet.load(inputs["train"]), ImageSet.load(inputs["test"])
    layers = concept_layers(settings["layers"], cfg["model.name"], cfg["model.layer"])
    builder = build(cfg["dataset.builder"])
    scenes = builder if hasattr(builder, "render") else None
    names = cfg.wildcards

    numbers = study.run(model, layers, train, test, scenes)
    table = numbers.table(names["dataset"], names["model"], int(names["seed"]))
    save_table(outputs["table"], table, cfg.provenance())

    shown = next(
        one
        for one in study.classes(model, layers, train, test, None)
        if one.target >= pictures.target
    )
    tensors = pictures.of_class(study, shown)
    layer = Layer(model, layers[-1], test.batch([0]))
    worst, wrong = mistake(model, test)
    told = {"shown": shown.name, "wrong": wrong}
    for name, image in (("unified", int(shown.index[0])), ("mistake", worst)):
        found = pictures.of_image(study, model, layer, train, test.batch([image]))
        told |= {
            f"{name}_predicted": test.classes[int(found["predicted"])],
            f"{name}_label": test.classes[int(test.labels[image])],
        }
        tensors |= {f"{name}.{key}": value for key, value in found.items()}
    statistics = ImageStatistics.of_tensors(load_tensors(inputs["spectrum"]))
    parts = ("class", "unified", "mistake")
    banks = [tensors[f"{part}.atoms"] for part in parts]
    made = concept_pictures(layer, banks, statistics, build(cfg["drawing"]), cfg["seed"])
    drawn = zip(parts, made, strict=True)
    tensors |= {f"{part}.maco": on_white(found) for part, found in drawn}
    save_tensors(outputs["pictures"], tensors, cfg.provenance(told=told))


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={
            "train": places.TRAIN,
            "test": places.TEST,
            "spectrum": places.SPECTRUM,
            "weights": places.WEIGHTS,
        },
        outputs={"table": places.CRAFT, "pictures": places.CRAFT_PICTURES},
        snakemake=globals().get("snakemake"),
    )
