"""Build the site of all classes by one dictionary: `snakemake lens_atoms`."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.lens.titles",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the site with all photographs."""
    from sparks_thesis.lens.atom_pages import AtomAtlas, build_atom_site

    atlas = AtomAtlas.load(inputs["atoms"], inputs["table"], cfg["studies.lens.titles"])
    build_atom_site(outputs["site"], atlas)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: dag.atoms_site_inputs(config),
        outputs={"site": paths.ATOMS_SITE},
        snakemake=globals().get("snakemake"),
    )
