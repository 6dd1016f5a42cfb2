"""Explain the images of a Utility study by every method, and measure what needs no people."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "studies.utility.classes",
    "studies.utility.pool",
    "studies.utility.controls",
    "studies.utility.oracles",
    "studies.utility.explainers",
    "studies.utility.deletion",
    "studies.utility.complexity",
    "studies.utility.similarity",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the chosen images with maps and the model's decisions, and proxies for every map."""
    import torch

    from sparks.attribution import Random
    from sparks.data import ImageSet
    from sparks.io import save_table, save_tensors
    from sparks.metrics import Complexity, Deletion
    from sparks.progress import progress
    from sparks.results import MetricRecorder
    from sparks.training import predict
    from sparks_thesis.pipeline.factories import build_as, build_methods, run_names, trained
    from sparks_thesis.utility.controls import decisive
    from sparks_thesis.utility.perceptual import PerceptualSimilarity
    from sparks_thesis.utility.proxies import SIMILARITY, of_maps
    from sparks_thesis.utility.scored import ELSEWHERE, NOISE, ORACLE
    from sparks_thesis.utility.stimulus_selection import select_stimuli

    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    test, name = ImageSet.load(inputs["test"]), cfg.wildcards["dataset"]
    classes = cfg["studies.utility.classes"].get(name, [0, 1])
    settings = dict(cfg["studies.utility.pool"])
    balanced = name not in settings.pop("natural")
    logits = predict(model, test, device=next(model.parameters()).device)
    chosen = select_stimuli(
        logits, test.labels, classes, **settings, balanced=balanced, seed=cfg["seed"]
    )
    x = test.batch(chosen.explained)
    target = torch.tensor(classes)[chosen.outputs[chosen.explained]]
    deletion = build_as(Deletion, cfg["studies.utility.deletion"])
    complexity = build_as(Complexity, cfg["studies.utility.complexity"])
    similarity = build_as(PerceptualSimilarity, cfg["studies.utility.similarity"])
    right = (chosen.outputs == (test.labels == classes[1]).long()).double()
    of_classes = torch.isin(test.labels, torch.tensor(classes))
    recorder = MetricRecorder()
    recorder.add_images({"ModelAccuracy": right[of_classes]})
    recorder.add({"ShownWrong": [chosen.wrong]})
    (control,) = build_methods(cfg["studies.utility.controls"]).values()
    maps = {"Control": control(model, x, target)}
    methods = build_methods(cfg["studies.utility.explainers"])
    for label, method in progress(list(methods.items()), unit="method", description="explain"):
        maps[label] = method(model, x, target).float().cpu()
        values = of_maps(deletion, complexity, model, x, target, maps[label])
        recorder.add_images(values, method=label)
        alike = similarity(x, maps[label], chosen.outputs[chosen.explained])
        recorder.add({SIMILARITY: alike}, method=label)
    maps[NOISE] = Random(cfg["seed"])(model, x, target).float().cpu()
    where = cfg["studies.utility.oracles"].get(name, "parts")
    oracle = decisive(test.subset(chosen.explained), where)
    if oracle is not None:
        maps |= {ORACLE: oracle, ELSEWHERE: 1 - oracle}
    kept = {
        "explained": x,
        "asked": test.batch(chosen.asked),
        "outputs": chosen.outputs[chosen.explained],
        "truth": chosen.outputs[chosen.asked],
        **{f"maps/{label}": values for label, values in maps.items()},
    }
    save_tensors(outputs["maps"], kept, cfg.provenance())
    save_table(outputs["table"], recorder.table(**run_names(cfg.wildcards)), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"test": paths.TEST, "weights": paths.WEIGHTS},
        outputs={"maps": paths.UTILITY_MAPS, "table": paths.UTILITY_PROXIES},
        snakemake=globals().get("snakemake"),
    )
