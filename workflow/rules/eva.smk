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
    resources:
        **asks(5000, 480, gpu=True),
    params:
        **made_of("eva"),
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
    resources:
        **asks(2000, 60),
    params:
        **made_of("eva_optimal"),
    script:
        "../../scripts/eva_optimal.py"
