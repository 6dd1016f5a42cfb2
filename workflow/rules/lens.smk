# Lens: what models see of every class, and the site that shows it (`snakemake lens`).


ATLAS = {"table": paths.LENS, "atlas": directory(paths.LENS_ATLAS)}
ATLAS_SHARD = {
    "table": paths.LENS_SHARD,
    "atlas": directory(paths.LENS_SHARD_ATLAS),
}


# Survey every class of one model, or a shard of them (`concepts.shard`): one file a class, and the
# numbers of all of them.
use rule job as lens_atlas with:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("lens"),
        spectrum=paths.SPECTRUM,
    output:
        **(ATLAS_SHARD if OF_CLASSES else ATLAS),
    resources:
        **asks(4000, 1440, gpu=True),


if OF_CLASSES:

    # Put the classes of all shards into one atlas, class after class.
    use rule job as merge_atlas with:
        input:
            unpack(inputs_by(concept_files.shards_of_atlas)),
        output:
            **ATLAS,
        resources:
            **asks(2000, 120),


# What covering a concept in test images does to the logit of its class.
use rule job as covering with:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("lens"),
        table=paths.LENS,
    output:
        table=paths.COVERING,
        pictures=paths.COVERING_PICTURES,
    resources:
        **asks(4000, 480, gpu=True),


# The site, a folder that opens from the file system. Its numbers' tables stand for the atlases.
use rule job as lens with:
    input:
        tables=dag.lens_tables(CFG),
        story=dag.lens_story(CFG),
        pages=of_checkout(paths.page_files("lens")),
    output:
        site=directory(paths.LENS_SITE),
    threads: 2
    resources:
        **asks(3000, 120),


# One dictionary for all classes of a network: its atoms, and what they do to every class.
use rule job as atoms with:
    input:
        unpack(inputs_by(dag.atoms_inputs)),
    output:
        table=paths.ATOMS,
        atoms=paths.ATOMS_TENSORS,
    resources:
        **asks(6000, 240, gpu=True),


# The site of all classes by their atoms, a folder that opens from the file system.
use rule job as lens_atoms with:
    input:
        **dag.atoms_site_inputs(CFG),
        pages=of_checkout(paths.page_files("lens")),
    output:
        site=directory(paths.ATOMS_SITE),
    resources:
        **asks(3000, 120),


# The same as an archive that may be published: photographs with a licence, and drawings.
use rule job as lens_atoms_published with:
    input:
        **dag.atoms_site_inputs(CFG),
        pages=of_checkout(paths.page_files("lens")),
    output:
        archive=paths.ATOMS_ARCHIVE,
    resources:
        **asks(3000, 120),
