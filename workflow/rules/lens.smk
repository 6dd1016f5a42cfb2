# Lens: what models see of every class, and the site that shows it (`snakemake lens`).


ATLAS = {"table": places.LENS, "atlas": directory(places.LENS_ATLAS)}
ATLAS_SHARD = {
    "table": places.LENS_SHARD,
    "atlas": directory(places.LENS_SHARD_ATLAS),
}


# Survey every class of one model, or a shard of them (`concepts.shard`): one file a class, and the
# numbers of all of them.
rule lens_atlas:
    input:
        **places.CLASSIFIED,
        concepts=concepts_of("lens"),
        spectrum=places.SPECTRUM,
    output:
        **(ATLAS_SHARD if OF_CLASSES else ATLAS),
    log:
        places.log("lens_atlas", "dataset", "model", "seed", *["shard"][:OF_CLASSES]),
    benchmark:
        places.benchmark(
            "lens_atlas", "dataset", "model", "seed", *["shard"][:OF_CLASSES]
        )
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=1440,
        gpu=one_gpu,
    params:
        cfg=cfg_of("lens_atlas"),
        code=code_of("lens_atlas"),
    script:
        "../../scripts/lens_atlas.py"


if OF_CLASSES:

    # Put the classes of all shards into one atlas, class after class.
    rule merge_atlas:
        input:
            unpack(shards_of_atlas),
        output:
            **ATLAS,
        log:
            places.log("merge_atlas", "dataset", "model", "seed"),
        benchmark:
            places.benchmark("merge_atlas", "dataset", "model", "seed")
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=doubling(2000),
            runtime=120,
        params:
            cfg=cfg_of("merge_atlas"),
            code=code_of("merge_atlas"),
        script:
            "../../scripts/merge_atlas.py"


# What covering a concept in test images does to the logit of its class.
rule covering:
    input:
        **places.CLASSIFIED,
        concepts=concepts_of("lens"),
        table=places.LENS,
    output:
        table=places.COVERING,
        pictures=places.COVERING_PICTURES,
    log:
        places.log("covering", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("covering", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=480,
        gpu=one_gpu,
    params:
        cfg=cfg_of("covering"),
        code=code_of("covering"),
    script:
        "../../scripts/covering.py"


# The site, a folder that opens from the file system. Its numbers' tables stand for the atlases.
rule lens:
    input:
        tables=grid.lens_tables(CFG),
        story=grid.lens_story(CFG),
        pages=of_checkout(grid.lens_pages()),
    output:
        site=directory(places.LENS_SITE),
    log:
        places.log("lens"),
    benchmark:
        places.benchmark("lens")
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=doubling(3000),
        runtime=120,
    params:
        cfg=cfg_of("lens"),
        code=code_of("lens"),
    script:
        "../../scripts/lens.py"
