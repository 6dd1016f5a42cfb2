"""Fetch jsPsych for the page of a study, by npm or from a folder, and check it."""

from sparks_thesis.pipeline import dag
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("study.packages", "study.tarballs")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the tarballs."""
    from pathlib import Path

    from sparks_thesis.human_study import Package, fetch
    from sparks_thesis.pipeline.factories import build_as

    packages = [build_as(Package, settings) for settings in cfg["study.packages"]]
    fetch(packages, Path(outputs["tarballs"][0]).parent, cfg["study.tarballs"])


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs=lambda config, names: {"tarballs": dag.study_tarballs(config)},
        snakemake=globals().get("snakemake"),
    )
