"""Measure whether a model looks where people look, and whether it stands on the background."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "model.loss", "studies.alignment", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write accuracies, alignment scores and accuracy on revealed features; keep some maps."""
    from pathlib import Path

    import torch

    from sparks.alignment import alignment, revealed
    from sparks.alignment.harmonizer import visible_energy
    from sparks.attribution.gradient import gradient, in_batches, reduce_channels
    from sparks.data import ImageSet, human_ceiling, marks_of
    from sparks.io import save_table, save_tensors
    from sparks.results import MetricRecorder
    from sparks.training import predict
    from sparks_thesis.pipeline.factories import build, harmonized, run_names, trained

    settings = cfg["studies.alignment"]
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    recorder = MetricRecorder()
    for split in inputs["splits"][1:]:  # the first is what `evaluate` measures
        images = ImageSet.load(split)
        right = predict(model, images, device=cfg["device"]).argmax(1) == images.labels
        recorder.add_images({"Accuracy": right.double()}, split=Path(split).stem)
    test = ImageSet.load(inputs["splits"][0])
    chosen = torch.arange(min(settings["images"], len(test)))
    x, labels = test.batch(chosen), test.labels[chosen]
    human = build(settings["maps"])(test, chosen)
    gradients = in_batches(model, x, labels, 64, lambda part, target: gradient(model, part, target))
    recorder.add_images({"VisibleEnergy": visible_energy(gradients)}, method="Saliency")
    for name in settings["reductions"]:
        scores = alignment(reduce_channels(gradients, name), human, settings["share"])
        recorder.add_images(scores, reduction=name, method="Saliency")
    if (marks := marks_of(test)) is not None:
        sigma = settings["maps"]["sigma"] * x.shape[-1]
        ceiling = human_ceiling(marks[chosen], x.shape[-1], sigma, seed=cfg["seed"])
        recorder.add_images({"HumanCeiling": ceiling})
    right = revealed(model, x, labels, human, settings["shown"], settings["baseline"])
    for column, share in enumerate(settings["shown"]):
        recorder.add_images({"RevealedAccuracy": right[:, column]}, revealed=share)
    names = run_names(cfg.wildcards)
    training = harmonized(cfg["model.loss"], names["model"])
    save_table(outputs["table"], recorder.table(**names, **training), cfg.provenance())
    few = slice(0, settings["kept"])
    maps = {"images": x[few], "human": human[few], "labels": labels[few]}
    maps["saliency"] = reduce_channels(gradients, settings["reductions"][0])[few]
    metadata = cfg.provenance(classes=list(test.classes), **training)
    save_tensors(outputs["maps"], maps, metadata)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"splits": dag.test_splits, "weights": paths.WEIGHTS},
        outputs={"table": paths.ALIGNMENT, "maps": paths.ALIGNMENT_MAPS},
        snakemake=globals().get("snakemake"),
    )
