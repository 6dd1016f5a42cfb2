"""Explain images by EVA and by what it is compared with, score all, and keep what bounds prove."""

from typing import Any

from harness import places
from harness.job import Config, Paths, main

PARTS = ("model.classifier", "studies.eva", "explain.target", "seed", "device")

SMALL = 32  # pixels a side


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the scores of every method and image, what each cost in seconds, maps and slices."""
    import pandas as pd
    import torch

    from harness.loading import (
        build_as,
        build_methods,
        build_metric,
        explained,
        of_kind,
        tidy,
        trained,
    )
    from sparks.artifacts import save_table, save_tensors
    from sparks.attribution import EVA
    from sparks.metrics import Explanation, RobustnessSr
    from sparks.progress import progress
    from sparks.verification import Attack
    from sparks_thesis.eva import study as ask
    from sparks_thesis.eva.benchmark import ablations, by_bound, scored

    settings = cfg["studies.eva"]
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    x, target = explained(inputs["images"], model, cfg["explain.target"])
    n = settings["images"] if x.shape[-1] <= SMALL else settings["large_images"]
    x, target = x[:n], target[:n]
    names, name = dict(cfg.wildcards), cfg.wildcards["model"]
    eva = of_kind(EVA, *build_methods(settings["own"]).values())
    metrics = [build_metric(metric) for metric in settings["metrics"].values()]
    robustness = build_as(RobustnessSr, settings["robustness"])
    tables, costs = [], []
    kept: dict[str, torch.Tensor] = {"target": target}

    def note(values: dict[str, Any], method: str = "EVA", condition: str = "") -> None:
        tables.append(tidy({**names, "method": method}, values, condition))

    methods = {**build_methods(settings["explainers"]), "EVA": eva, **ablations(eva)}
    for label, method in progress(list(methods.items()), unit="method", description="explain"):
        found = scored(method, model, x, target, [*metrics, robustness])
        note(found.scores | {"Flops": torch.tensor([found.flops])}, label)
        costs.append(tidy({**names, "method": label}, {"Seconds": torch.tensor([found.seconds])}))
        kept[f"maps/{label}"] = found.maps
        few, many = settings["stronger"]["images"], settings["stronger"]["steps"]
        again = ask.with_steps(robustness, many)
        values = again(Explanation(model, x[:few], target[:few], found.maps[:few]))
        note(values, label, f"attack of {many} steps")
    if eva.layer is None:
        proved = settings["verified"]
        attack = build_as(Attack, proved["attack"])
        note(ask.smallest(eva, model, x, target))
        for radius in proved["radii"]:
            ball = ask.with_radius(eva, radius)
            values = ask.overlaps(ball, model, x, target, attack, proved["samples"])
            note(values, condition=f"epsilon {radius}")
    if name in settings["detailed"]["models"]:
        for bound, method in by_bound(eva):
            values = scored(method, model, x, target, [*metrics, robustness]).scores
            note(values | ask.tightness(method, model, x, target), condition=f"bounds {bound}")
        radius = settings["detailed"]["toward"]
        toward = ask.runner_up(model, x, target)
        maps = ask.targeted(ask.with_radius(eva, radius), model, x, target, toward)
        note(ask.gains(maps, radius, model, x, target, toward, seed=cfg["seed"]))
        kept |= {"toward": toward} | {f"targeted/{side}": m for side, m in maps.items()}
        ball = ask.with_radius(eva, settings["detailed"]["explored"])
        seen = ask.exploration(ball, model, x[:1], target[:1], proved["radii"], attack)
        kept |= {f"explored/{part}": values for part, values in seen.items()}
    kept["images"] = x
    save_table(outputs["table"], pd.concat(tables, ignore_index=True), cfg.provenance())
    save_table(outputs["cost"], pd.concat(costs, ignore_index=True), cfg.provenance())
    save_tensors(outputs["maps"], kept, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"images": places.EXPLAINED, "weights": places.WEIGHTS},
        outputs={"table": places.EVA, "cost": places.EVA_COST, "maps": places.EVA_MAPS},
        snakemake=globals().get("snakemake"),
    )
