"""Cover the places where test images show a concept: what does that do to the class's logit?"""

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

SHOWN = 4  # images of each concept, those that have most of it

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
    from pathlib import Path

    from sparks.concepts.covering import Covering
    from sparks.concepts.layer import Layer
    from sparks.data import ImageSet
    from sparks.io import save_table, save_tensors
    from sparks.results import MetricRecorder
    from sparks_thesis.lens import Atlas
    from sparks_thesis.lens.atlas import as_bytes
    from sparks_thesis.pipeline.classes import banks_beside, classified
    from sparks_thesis.pipeline.factories import build_as, concept_layers, run_names, trained

    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    train, test = classified(inputs, "train"), ImageSet.load(inputs["test"])
    (name,) = concept_layers({}, cfg["model.name"], cfg["model.concept_layer"])
    layer = Layer(model, name, test.batch([0]))
    names = cfg.wildcards
    (fitted_concepts,) = inputs["concepts"]
    folder, banks = Path(inputs["table"]).with_suffix(""), banks_beside(fitted_concepts)
    atlas = Atlas(folder, names["dataset"], names["model"], banks)
    measure = build_as(Covering, cfg["studies.covering.measure"])
    recorder, pictures = MetricRecorder(), {}
    for target, class_name in atlas.names.items():
        if cfg["studies.covering.classes"] is None or class_name in cfg["studies.covering.classes"]:
            one = atlas.load(target)
            concepts = atlas.concepts(one, layer)
            fitted = concepts.maps(train.images.batch(one.tensors["index"]))
            index = (test.labels == target).nonzero()[:, 0]
            x = test.batch(index)
            maps = concepts.maps(x)
            for concept in range(min(one.k, cfg["studies.covering.concepts"])):
                threshold = measure.threshold(fitted[:, concept])
                found = measure(model, x, target, maps[:, concept], threshold)
                amount = maps[found.index, concept].flatten(1).sum(1)
                shown = found.index[amount.argsort(descending=True)][:SHOWN]
                first = next(iter(measure.covers))
                covered = measure.covered(x[shown], maps[shown, concept], threshold, first)
                key = f"{target}.{concept}"
                pictures[f"{key}.index"] = index[shown]
                pictures[f"{key}.images"] = as_bytes(x[shown])
                pictures[f"{key}.covered"] = as_bytes(covered)
                for cover in found.own:
                    values = {
                        "Covered": found.own[cover],
                        "CoveredElsewhere": found.elsewhere[cover],
                        "CoveredArea": found.area,
                    }
                    known = {"class_name": class_name, "concept": concept, "cover": cover}
                    recorder.add(values, image=index[found.index], **known)
    table = recorder.table(**run_names(names))
    save_table(outputs["table"], table, cfg.provenance())
    save_tensors(outputs["pictures"], pictures, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: {
            **concept_files.study_of_concepts("lens")(config, names),
            "table": paths.LENS.format(**names),
        },
        outputs={"table": paths.COVERING, "pictures": paths.COVERING_PICTURES},
        snakemake=globals().get("snakemake"),
    )
