"""Build the Lens site from the atlases of all models: `snakemake lens`."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from sparks_thesis.lens import Atlas
    from sparks_thesis.lens.story import Story

CONFIG_KEYS = ("studies.lens.titles", "studies.lens.stories", "statistics")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the site; each table of numbers lies beside the atlas of its model."""
    import os
    from pathlib import Path

    from sparks_thesis.lens import Atlas, build_site

    files = [Path(path) for path in inputs["tables"]]
    titles = cfg["studies.lens.titles"]
    atlases = []
    for file in files:
        dataset, model, _ = file.parts[-3:]
        shown = titles.get(model, ""), titles.get(dataset, "")
        atlases.append(Atlas(file.with_suffix(""), dataset, model, None, *shown))
    workers = int(os.environ.get("OMP_NUM_THREADS", "1"))
    build_site(outputs["site"], atlases, workers, story(cfg, inputs.get("story"), atlases[0]))


def story(cfg: Config, inputs: list[str] | None, atlas: "Atlas") -> "Story | None":
    """Return the story of the first model, where it has one."""
    from dataclasses import replace

    from sparks.results import load_results
    from sparks.stats import Bootstrap
    from sparks_thesis.lens.story import tell
    from sparks_thesis.pipeline.classes import banks_beside
    from sparks_thesis.pipeline.factories import build_as

    if not inputs:
        return None
    settings = cfg["studies.lens.stories"][f"{atlas.dataset}/{atlas.model}"]
    table, pictures, concepts = inputs
    bootstrap = build_as(Bootstrap, cfg["statistics"])
    rows = load_results(table)
    return tell(
        replace(atlas, banks=banks_beside(concepts)),
        settings["class"],
        settings["concept"],
        settings["channels"],
        rows,
        pictures,
        bootstrap,
    )


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: {
            "tables": dag.lens_tables(config),
            "story": dag.lens_story(config),
        },
        outputs={"site": paths.LENS_SITE},
        snakemake=globals().get("snakemake"),
    )
