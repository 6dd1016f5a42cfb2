# Lens: what models see of every class, and the site that shows it (`snakemake lens`).


# Survey every class of one model: one file a class, and the numbers of all of them.
rule lens_atlas:
    input:
        train=places.TRAIN,
        weights=places.WEIGHTS,
        spectrum=places.SPECTRUM,
    output:
        table=places.LENS,
        atlas=directory(places.LENS_ATLAS),
    log:
        places.log("lens_atlas", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("lens_atlas", "dataset", "model", "seed")
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


# The site, a folder that opens from the file system. Its numbers' tables stand for the atlases.
rule lens:
    input:
        tables=grid.lens_tables(CFG),
        pages=grid.lens_pages(),
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
