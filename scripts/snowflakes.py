"""Separate two Koch snowflakes by a 1-Lipschitz network and its baseline; measure both."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.snowflakes",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write gradient norms and one-step errors at the points; keep level sets and steps."""
    from sparks.io import save_tensors
    from sparks_thesis.lipschitz.study_snowflakes import SnowflakesStudy
    from sparks_thesis.pipeline.artifacts import build_study, write_results

    settings = cfg["studies.snowflakes"]
    study = build_study(SnowflakesStudy, settings)
    numbers, drawn = study.run()
    write_results(cfg, outputs["table"], numbers, dataset="snowflakes", seed=study.seed)
    radii = {name: settings[name] for name in ("inner", "outer", "order")}
    save_tensors(outputs["drawn"], drawn, cfg.provenance(**radii))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"table": paths.SNOWFLAKES, "drawn": paths.SNOWFLAKES_DRAWN},
        snakemake=globals().get("snakemake"),
    )
