"""Separate two Koch snowflakes by a 1-Lipschitz network and its baseline; measure both."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.snowflakes",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write gradient norms and one-step errors at the points; keep level sets and steps."""
    import torch

    from sparks.io import save_table, save_tensors
    from sparks.lipschitz import snowflakes
    from sparks.lipschitz.koch_snowflake import OneLogit, steps_and_levels
    from sparks.models import seeded
    from sparks.models.lipschitz import LipschitzMLP
    from sparks.results import MetricRecorder
    from sparks.training import Loss, Settings, fit
    from sparks_thesis.pipeline.factories import build, build_as

    settings = cfg["studies.snowflakes"]
    radii = {name: settings[name] for name in ("inner", "outer", "order")}
    data = snowflakes(settings["points"], **radii, seed=settings["seed"])
    recorder, kept = MetricRecorder(), {"points": data.points, "labels": data.labels}
    for name, constrained in (("hkr_dense", True), ("hkr_dense_unconstrained", False)):
        with seeded(settings["seed"]):
            net = LipschitzMLP(2, 1 if constrained else 2, settings["hidden"], constrained)
        loss: Loss | None = build(settings["loss"]) if constrained else None
        training = build_as(Settings, settings["training"])
        fit(net, data, None, training, settings["seed"], "cpu", loss=loss)
        function = net.eval() if constrained else OneLogit(net.eval())
        values, drawn = steps_and_levels(function, data, settings["grid"])
        recorder.add_images(values, model=name)
        kept |= {f"{name}.{key}": tensor for key, tensor in drawn.items()}
    table = recorder.table(dataset="snowflakes", seed=settings["seed"])
    save_table(outputs["table"], table, cfg.provenance())
    kept = {key: torch.as_tensor(value) for key, value in kept.items()}
    save_tensors(outputs["drawn"], kept, cfg.provenance(**radii))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"table": paths.SNOWFLAKES, "drawn": paths.SNOWFLAKES_DRAWN},
        snakemake=globals().get("snakemake"),
    )
