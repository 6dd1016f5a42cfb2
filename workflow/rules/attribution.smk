# Attribution: one job per model and method, each over all images; then one per family of metrics.


# Explain the chosen images by one method. Shared by `--cache`, hence without a benchmark: see `cost`.
rule attribute:
    input:
        images=places.EXPLAINED,
        weights=places.WEIGHTS,
    output:
        maps=places.MAPS,
        cost=places.COST,
    log:
        places.log("attribute", "dataset", "model", "seed", "method"),
    cache: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(3000),
        runtime=240,
        gpu=one_gpu,
    params:
        cfg=cfg_of("attribute"),
        names=names_of,
        code=code_of("attribute"),
    script:
        "../../scripts/attribute.py"


# Score the maps of one method by one family of metrics.
rule score:
    input:
        unpack(weights_if_needed),
        images=places.EXPLAINED,
        maps=places.MAPS,
    output:
        table=places.SCORES,
    log:
        places.log("score", "dataset", "model", "seed", "method", "metric"),
    benchmark:
        places.benchmark("score", "dataset", "model", "seed", "method", "metric")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(3000),
        runtime=120,
        gpu=one_gpu,
    params:
        cfg=cfg_of("score"),
        code=code_of("score"),
    script:
        "../../scripts/score.py"


# First- and total-order Sobol indices of every cell, from one design.
rule indices:
    input:
        images=places.EXPLAINED,
        weights=places.WEIGHTS,
    output:
        table=places.INDICES,
    log:
        places.log("indices", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("indices", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(3000),
        runtime=120,
        gpu=one_gpu,
    params:
        cfg=cfg_of("indices"),
        code=code_of("indices"),
    script:
        "../../scripts/indices.py"
