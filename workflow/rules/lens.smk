# Lens: what models see of every class, and the site that shows it (`snakemake lens`).


ATLAS = {"table": paths.LENS, "atlas": directory(paths.LENS_ATLAS)}
ATLAS_SHARD = {
    "table": paths.LENS_SHARD,
    "atlas": directory(paths.LENS_SHARD_ATLAS),
}


# Survey every class of one model, or a shard of them (`concepts.shard`): one file a class, and the
# numbers of all of them.
rule lens_atlas:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("lens"),
        spectrum=paths.SPECTRUM,
    output:
        **(ATLAS_SHARD if OF_CLASSES else ATLAS),
    log:
        paths.log("lens_atlas", "dataset", "model", "seed", *["shard"][:OF_CLASSES]),
    benchmark:
        paths.benchmark(
            "lens_atlas", "dataset", "model", "seed", *["shard"][:OF_CLASSES]
        )
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 1440, gpu=True),
    params:
        **made_of("lens_atlas"),
    script:
        "../../scripts/lens_atlas.py"


if OF_CLASSES:

    # Put the classes of all shards into one atlas, class after class.
    rule merge_atlas:
        input:
            unpack(inputs_by(concept_files.shards_of_atlas)),
        output:
            **ATLAS,
        log:
            paths.log("merge_atlas", "dataset", "model", "seed"),
        benchmark:
            paths.benchmark("merge_atlas", "dataset", "model", "seed")
        conda:
            "../../environment.yml"
        resources:
            **asks(2000, 120),
        params:
            **made_of("merge_atlas"),
        script:
            "../../scripts/merge_atlas.py"


# What covering a concept in test images does to the logit of its class.
rule covering:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("lens"),
        table=paths.LENS,
    output:
        table=paths.COVERING,
        pictures=paths.COVERING_PICTURES,
    log:
        paths.log("covering", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("covering", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 480, gpu=True),
    params:
        **made_of("covering"),
    script:
        "../../scripts/covering.py"


# The site, a folder that opens from the file system. Its numbers' tables stand for the atlases.
rule lens:
    input:
        tables=dag.lens_tables(CFG),
        story=dag.lens_story(CFG),
        pages=of_checkout(paths.page_files("lens")),
    output:
        site=directory(paths.LENS_SITE),
    log:
        paths.log("lens"),
    benchmark:
        paths.benchmark("lens")
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        **asks(3000, 120),
    params:
        **made_of("lens"),
    script:
        "../../scripts/lens.py"
