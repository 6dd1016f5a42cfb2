"""Measure on one network what is said of 1-Lipschitz networks."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.lipschitz", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write metrics of maps, certificates, attacks and counterfactuals; keep what figures show."""
    import torch
    from sklearn.svm import SVC

    from sparks.data import ImageSet
    from sparks.io import save_table, save_tensors
    from sparks.metrics import Explanation
    from sparks.results import MetricRecorder
    from sparks_thesis.lipschitz.measure import followed, geometry, map_distances, null_shares
    from sparks_thesis.pipeline.factories import (
        build_methods,
        build_metric,
        explained,
        run_names,
        trained,
    )

    settings = cfg["studies.lipschitz"]
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    x, target = explained(inputs["images"], model, "predicted")
    x, target = x[: settings["images"]], target[: settings["images"]]
    images = ImageSet.load(inputs["images"])
    device = next(model.parameters()).device
    on = (x.to(device), target.to(device))
    recorder = MetricRecorder()
    maps = {}
    for label, method in build_methods(settings["explainers"]).items():
        maps[label] = method(model, x, target).float().cpu()
        for asked in settings["metrics"].values():
            explanation = Explanation(model, x, target, maps[label], method=method)
            values = build_metric(asked["metric"])(explanation)
            recorder.add_images(values, baseline=asked["condition"], method=label)
        if "null" in images.truth:
            null = images.truth["null"][: len(x)]
            for top, share in null_shares(maps[label], null, settings["tops"]).items():
                recorder.add_images({"NullBlockRate": share}, top=top, method=label)
    for kind, distance in map_distances(maps["Saliency"], maps["SmoothGrad"]).items():
        values = {"SaliencySmoothGradDistance": distance}
        recorder.add_images(values, distance=kind, method="Saliency")
    options = settings["attack"] | {"rounds": settings["rounds"], "seed": cfg["seed"]}
    recorder.add_images(geometry(model, *on, **options))
    train = ImageSet.load(inputs["train"])
    pixels = train.batch(range(min(len(train), 5000))).flatten(1).numpy()
    classifier = SVC(random_state=cfg["seed"]).fit(pixels, train.labels[: len(pixels)].numpy())
    changes, walked = followed(model, classifier, *on, settings["steps"])
    for t, values in changes.items():
        recorder.add_images(values, t=t)
    save_table(outputs["table"], recorder.table(**run_names(cfg.wildcards)), cfg.provenance())
    few = slice(0, settings["kept"])
    kept = {"images": x[few], "target": target[few], "labels": images.labels[: len(x)][few]}
    kept |= {f"maps.{label}": m[few] for label, m in maps.items()}
    kept["walked"] = walked[:, few]
    with torch.no_grad():
        logits = model(walked[:, few].flatten(0, 1).to(device))
    kept["logits"] = logits.unflatten(0, walked[:, few].shape[:2])
    metadata = cfg.provenance(classes=list(images.classes), steps=list(settings["steps"]))
    save_tensors(outputs["maps"], kept, metadata)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "train": paths.TRAIN, "weights": paths.WEIGHTS},
        outputs={"table": paths.LIPSCHITZ, "maps": paths.LIPSCHITZ_MAPS},
        snakemake=globals().get("snakemake"),
    )
