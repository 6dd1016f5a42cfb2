"""Build the Lens site from the atlases of all models: `snakemake lens`."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.lens.titles", "studies.lens.stories", "statistics")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the site; each table of numbers lies beside the atlas of its model."""
    import os
    from dataclasses import replace

    from sparks.results import load_results
    from sparks.stats import Bootstrap
    from sparks_thesis.lens import Atlas, build_site
    from sparks_thesis.lens.story import tell
    from sparks_thesis.pipeline.classes import banks_beside
    from sparks_thesis.pipeline.factories import build_as

    titles = cfg["studies.lens.titles"]
    atlases = [Atlas.beside(table, titles=titles) for table in inputs["tables"]]
    story = None
    if inputs.get("story"):  # of the first model
        table, pictures, concepts = inputs["story"]
        atlas = replace(atlases[0], banks=banks_beside(concepts))
        asked = cfg["studies.lens.stories"][f"{atlas.dataset}/{atlas.model}"]
        what = (asked["class"], asked["concept"], asked["channels"])
        bootstrap = build_as(Bootstrap, cfg["statistics"])
        story = tell(atlas, *what, load_results(table), pictures, bootstrap)
    workers = int(os.environ.get("OMP_NUM_THREADS", "1"))
    build_site(outputs["site"], atlases, workers, story)


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
