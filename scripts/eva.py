"""Explain images by EVA and by what it is compared with, score all, and keep what bounds prove."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.eva", "explain.target", "seed", "device")

SMALL = 32  # pixels a side


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the scores of every method and image, what each cost in seconds, maps and slices."""
    import torch

    from sparks.attribution import EVA
    from sparks.io import save_table, save_tensors
    from sparks.metrics import Explanation, RobustnessSr
    from sparks.progress import progress
    from sparks.results import MetricRecorder
    from sparks.verification import Attack
    from sparks_thesis.eva import study as ask
    from sparks_thesis.eva.benchmark import ablations, by_bound, removed_by, scored
    from sparks_thesis.pipeline.factories import (
        build,
        build_as,
        build_methods,
        build_metric,
        explained,
        of_kind,
        run_names,
        trained,
    )

    settings = cfg["studies.eva"]
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    x, target = explained(inputs["images"], model, cfg["explain.target"])
    n = settings["images"] if x.shape[-1] <= SMALL else settings["large_images"]
    x, target = x[:n], target[:n]
    name = cfg.wildcards["model"]
    eva = of_kind(EVA, *build_methods(settings["own"]).values())
    metrics = [build_metric(metric) for metric in settings["metrics"].values()]
    robustness = build_as(RobustnessSr, settings["robustness"])
    removals = {name: build(made) for name, made in settings["removals"].items()}
    scores, costs = MetricRecorder(), MetricRecorder()
    kept: dict[str, torch.Tensor] = {"target": target}

    methods = {**build_methods(settings["explainers"]), "EVA": eva, **ablations(eva)}
    for label, method in progress(list(methods.items()), unit="method", description="explain"):
        found = scored(method, model, x, target, [*metrics, robustness])
        scores.add_images(found.scores, method=label)
        scores.add({"Flops": [found.flops]}, method=label)
        costs.add({"Seconds": [found.seconds]}, method=label)
        kept[f"maps/{label}"] = found.maps
        few, many = settings["stronger"]["images"], settings["stronger"]["steps"]
        for removal, other in removals.items():
            values = removed_by(other, method, found.maps, metrics, model, x, target)
            scores.add_images(values, method=label, baseline=removal)
        again = ask.with_steps(robustness, many)
        values = again(Explanation(model, x[:few], target[:few], found.maps[:few]))
        scores.add_images(values, method=label, attack_steps=many)
    if eva.layer is None:
        proved = settings["verified"]
        attack = build_as(Attack, proved["attack"])
        scores.add_images(ask.smallest(eva, model, x, target), method="EVA")
        for radius in proved["radii"]:
            ball = ask.with_radius(eva, radius)
            values = ask.overlaps(ball, model, x, target, attack, proved["samples"])
            scores.add_images(values, method="EVA", epsilon=radius)
    if name in settings["detailed"]["models"]:
        for bound, method in by_bound(eva):
            values = scored(method, model, x, target, [*metrics, robustness]).scores
            values |= ask.tightness(method, model, x, target)
            scores.add_images(values, method="EVA", bound=bound)
        radius = settings["detailed"]["toward"]
        toward = ask.runner_up(model, x, target)
        maps = ask.targeted(ask.with_radius(eva, radius), model, x, target, toward)
        gains = ask.gains(maps, radius, model, x, target, toward, seed=cfg["seed"])
        scores.add_images(gains, method="EVA")
        kept |= {"toward": toward} | {f"targeted/{side}": m for side, m in maps.items()}
        ball = ask.with_radius(eva, settings["detailed"]["explored"])
        seen = ask.exploration(ball, model, x[:1], target[:1], proved["radii"], attack)
        kept |= {f"explored/{part}": values for part, values in seen.items()}
    kept["images"] = x
    names = run_names(cfg.wildcards)
    save_table(outputs["table"], scores.table(**names), cfg.provenance())
    save_table(outputs["cost"], costs.table(**names), cfg.provenance())
    save_tensors(outputs["maps"], kept, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.EVA, "cost": paths.EVA_COST, "maps": paths.EVA_MAPS},
        snakemake=globals().get("snakemake"),
    )
