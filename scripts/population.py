"""Train many small networks alike, and measure how accurate and how aligned with people each is."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.population", "training", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write accuracies and the alignment of every network."""
    from functools import partial
    from pathlib import Path

    import torch

    from sparks.alignment import alignment
    from sparks.attribution.gradient import gradient, in_batches, reduce_channels
    from sparks.data import ImageSet, human_ceiling, marks_of
    from sparks.errors import SparksError
    from sparks.io import save_table
    from sparks.progress import progress
    from sparks.results import MetricRecorder
    from sparks.training import Settings, fit, predict
    from sparks_thesis.pipeline.factories import build, build_as, classifier

    settings, seed, device = cfg["studies.population"], cfg["seed"], cfg["device"]
    train, *tests = (ImageSet.load(path) for path in (inputs["train"], *inputs["splits"]))
    splits = {Path(path).stem: images for path, images in zip(inputs["splits"], tests, strict=True)}
    train = train.subset(range(min(settings["images"], len(train))))
    chosen = torch.arange(min(settings["judged"], len(tests[0])))
    x, labels = tests[0].batch(chosen), tests[0].labels[chosen]
    human, marks = build(settings["maps"])(tests[0], chosen), marks_of(tests[0])
    if marks is None:
        raise SparksError(
            f"population: {cfg.wildcards['dataset']} has no people's marks: name a data set that "
            "has some"
        )
    sigma = settings["maps"]["sigma"] * x.shape[-1]
    ceiling = human_ceiling(marks[chosen], x.shape[-1], sigma, seed=seed).nanmean()
    recorder = MetricRecorder()
    networks = [(name, own) for name in settings["networks"] for own in range(settings["seeds"])]
    for name, own in progress(networks, unit="network", description="population"):
        variant = settings["networks"][name]
        family = settings["families"][variant["family"]]
        model = classifier(family | {"net": family["net"] | variant["net"]}, seed + own)
        training = build_as(Settings, cfg["training"] | variant["training"])
        fit(model, train, None, training, seed + own, device)
        model.eval()
        for split, images in splits.items():
            right = predict(model, images, device=device).argmax(1) == images.labels
            recorder.add({"Accuracy": [float(right.double().mean())]}, split=split,
                         architecture=name, seed=seed + own)  # fmt: skip
        gradients = in_batches(model, x, labels, 64, partial(gradient, model))
        spearman = alignment(reduce_channels(gradients, "max-abs"), human, 0.1)["Spearman"]
        recorder.add({"Alignment": [float(spearman.nanmean() / ceiling)]}, reduction="max-abs",
                     architecture=name, seed=seed + own)  # fmt: skip
    table = recorder.table(dataset=cfg.wildcards["dataset"])
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"train": paths.TRAIN, "splits": dag.test_splits},
        outputs={"table": paths.POPULATION},
        snakemake=globals().get("snakemake"),
    )
