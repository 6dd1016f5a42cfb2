"""Fetch jsPsych for the page of a study, by npm or from a folder, and check it."""

from harness import grid
from harness.job import Config, Paths, main

PARTS = ("study.packages", "study.tarballs")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the tarballs."""
    from pathlib import Path

    from harness.loading import build_as
    from sparks_thesis.human_study import Package, fetch

    packages = [build_as(Package, settings) for settings in cfg["study.packages"]]
    fetch(packages, Path(outputs["tarballs"][0]).parent, cfg["study.tarballs"])


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={},
        outputs=lambda config, names: {"tarballs": grid.study_tarballs(config)},
        snakemake=globals().get("snakemake"),
    )
