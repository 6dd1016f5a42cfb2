"""Build the Lens site from the atlases of all models: `snakemake lens`."""

from harness import grid, places
from harness.job import Config, Paths, main

PARTS = ("studies.lens.titles",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the site; each table of numbers lies beside the atlas of its model."""
    import os
    from pathlib import Path

    from sparks.lens import Atlas, build_site

    files = [Path(path) for path in inputs["tables"]]
    titles = cfg["studies.lens.titles"]
    atlases = [
        Atlas(
            f.with_suffix(""),
            *f.parts[-3:-1],
            titles.get(f.parts[-2], ""),
            titles.get(f.parts[-3], ""),
        )
        for f in files
    ]
    build_site(outputs["site"], atlases, workers=int(os.environ.get("OMP_NUM_THREADS", "1")))


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs=lambda config, names: {"tables": grid.lens_tables(config)},
        outputs={"site": places.LENS_SITE},
        snakemake=globals().get("snakemake"),
    )
