"""Build the site of all classes by one dictionary: `snakemake lens_atoms`."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.lens.titles", "studies.atoms.model")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the site with all photographs."""
    from sparks_thesis.lens.atom_pages import AtomAtlas, build_atom_site

    title = cfg["studies.lens.titles"].get(cfg["studies.atoms.model"], cfg["studies.atoms.model"])
    build_atom_site(outputs["site"], AtomAtlas.load(inputs["atoms"], title, inputs["table"]))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: dag.atoms_site_inputs(config),
        outputs={"site": paths.ATOMS_SITE},
        snakemake=globals().get("snakemake"),
    )
