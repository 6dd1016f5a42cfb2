"""Make the page of a study with people: `snakemake study`."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("study.packages", "study.wording", "study.protocol", "study.limits", "study.aim")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the page, its key and the preregistration."""
    from pathlib import Path

    from sparks.io import write_text
    from sparks_thesis import human_study as hs
    from sparks_thesis.pipeline.factories import build_as

    folder = Path(inputs["tarballs"][0]).parent
    packages = [build_as(hs.Package, settings) for settings in cfg["study.packages"]]
    scripts = {f"{Path(p.tarball).stem}.js": p.read_script(folder) for p in packages}
    scenarios = [hs.Scenario.load(path) for path in inputs["scenarios"]]
    wording = build_as(hs.Wording, cfg["study.wording"])
    hs.build_page(outputs["page"], outputs["key"], scenarios, wording, scripts)
    protocol = build_as(hs.Protocol, cfg["study.protocol"])
    limits = build_as(hs.Limits, cfg["study.limits"])
    aim = build_as(hs.Aim, cfg["study.aim"])
    study = hs.Key.load(outputs["key"]).study
    text = hs.preregistration(scenarios, protocol, limits, wording, aim, study)
    write_text(outputs["preregistration"], text)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: {
            "tarballs": dag.study_tarballs(config),
            "scenarios": dag.study_scenarios(config),
        },
        outputs={
            "page": paths.STUDY_PAGE,
            "key": paths.STUDY_KEY,
            "preregistration": paths.STUDY_PREREGISTRATION,
        },
        snakemake=globals().get("snakemake"),
    )
