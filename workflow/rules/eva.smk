# EVA: every method of its paper on one network, and what verified bounds prove.


# Explain images by EVA and its rivals, score the maps, attack and certify.
rule eva:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.EVA,
        cost=paths.EVA_COST,
        maps=paths.EVA_MAPS,
    log:
        paths.log("eva", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("eva", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(5000),
        runtime=480,
        gpu=one_gpu,
    params:
        cfg=cfg_of("eva"),
        code=code_of("eva"),
    script:
        "../../scripts/eva.py"


# EVA's subsets of the inputs of tiny networks against the best ones.
rule eva_optimal:
    output:
        table=paths.EVA_OPTIMAL,
    log:
        paths.log("eva_optimal"),
    benchmark:
        paths.benchmark("eva_optimal")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(2000),
        runtime=60,
    params:
        cfg=cfg_of("eva_optimal"),
        code=code_of("eva_optimal"),
    script:
        "../../scripts/eva_optimal.py"
