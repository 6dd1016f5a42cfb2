"""Make the page of a study with people: `snakemake study`."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("study.packages", "study.wording")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the page and its key."""
    from pathlib import Path

    from sparks_thesis.human_study import Package, Scenario, Wording, build_page
    from sparks_thesis.pipeline.factories import build_as

    folder = Path(inputs["tarballs"][0]).parent
    packages = [build_as(Package, settings) for settings in cfg["study.packages"]]
    scripts = {f"{Path(p.tarball).stem}.js": p.read_script(folder) for p in packages}
    scenarios = [Scenario.load(path) for path in inputs["scenarios"]]
    wording = build_as(Wording, cfg["study.wording"])
    build_page(outputs["page"], outputs["key"], scenarios, wording, scripts)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: {
            "tarballs": dag.study_tarballs(config),
            "scenarios": dag.study_scenarios(config),
        },
        outputs={"page": paths.STUDY_PAGE, "key": paths.STUDY_KEY},
        snakemake=globals().get("snakemake"),
    )
