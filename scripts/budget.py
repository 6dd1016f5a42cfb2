"""Explain some images by each black-box method at several budgets of forward passes."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.budget", "explain.target", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the scores of every method, budget and image, and the seconds each explanation took.

    `forwards` is the number of forward passes that an explanation took.
    """
    from time import perf_counter

    import torch

    from sparks.io import save_table
    from sparks.metrics import Explanation
    from sparks.models.counting import Counting
    from sparks.progress import progress
    from sparks.protocols import AttributionMethod
    from sparks.results import MetricRecorder
    from sparks_thesis.pipeline.factories import (
        build_methods,
        build_metric,
        explained,
        run_names,
        trained,
    )
    from sparks_thesis.sobol.budgets import keeps_grid, within

    settings = cfg["studies.budget"]
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    x, target = explained(inputs["images"], model, cfg["explain.target"])
    x, target = x[: settings["images"]], target[: settings["images"]]
    metrics = [build_metric(metric) for metric in settings["metrics"].values()]
    # A budget that a method cannot use up, on small images, gives the settings of the one before.
    side = min(x.shape[2:])
    planned: dict[tuple[str, AttributionMethod], None] = {}
    for label, method in build_methods(settings["explainers"]).items():
        for forwards in settings["forwards"]:
            fitted = within(method, forwards, side)
            if keeps_grid(method, fitted, side):
                planned[label, fitted] = None
    scores, costs = MetricRecorder(), MetricRecorder()
    for label, method in progress(list(planned), unit="budget", description="explain"):
        # Imports and the search of the batch size happen on the first call: no cost of the method.
        method(model, x[:1], target[:1])
        start = perf_counter()
        with Counting(model) as counting:
            maps = method(model, x, target)
        seconds = (perf_counter() - start) / len(x)
        values: dict[str, torch.Tensor] = {}
        for metric in metrics:
            values |= metric(Explanation(model, x, target, maps))
        forwards = counting.forwards // len(x)
        scores.add_images(values, method=label, forwards=forwards)
        costs.add({"Seconds": [seconds]}, method=label, forwards=forwards)
    names = run_names(cfg.wildcards)
    save_table(outputs["table"], scores.table(**names), cfg.provenance())
    save_table(outputs["cost"], costs.table(**names), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.BUDGET, "cost": paths.BUDGET_COST},
        snakemake=globals().get("snakemake"),
    )
