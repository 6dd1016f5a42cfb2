"""Pack the site of all classes as it may be published: `snakemake lens_atoms_published`."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.lens.titles",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write a zip archive of the site, with photographs that have a photographer and a licence."""
    from tempfile import TemporaryDirectory

    from sparks_thesis.lens.atom_pages import AtomAtlas, build_atom_site, pack

    atlas = AtomAtlas.load(inputs["atoms"], inputs["table"], cfg["studies.lens.titles"])
    with TemporaryDirectory() as folder:
        build_atom_site(f"{folder}/site", atlas, published=True)
        pack(f"{folder}/site", outputs["archive"])


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: dag.atoms_site_inputs(config),
        outputs={"archive": paths.ATOMS_ARCHIVE},
        snakemake=globals().get("snakemake"),
    )
