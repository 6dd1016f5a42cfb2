# Utility: simulated meta-predictors, and the published numbers of people.


# Explain the images of a scenario by every method, and measure what needs no people.
rule utility_maps:
    input:
        test=paths.TEST,
        weights=paths.WEIGHTS,
    output:
        maps=paths.UTILITY_MAPS,
        table=paths.UTILITY_PROXIES,
    log:
        paths.log("utility_maps", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("utility_maps", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(3000),
        runtime=120,
        gpu=one_gpu,
    params:
        cfg=cfg_of("utility_maps"),
        code=code_of("utility_maps"),
    script:
        "../../scripts/utility_maps.py"


# Let simulated participants study explanations and predict the model.
rule utility:
    input:
        maps=paths.UTILITY_MAPS,
    output:
        table=paths.UTILITY,
    log:
        paths.log("utility", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("utility", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(2000),
        runtime=120,
    params:
        cfg=cfg_of("utility"),
        code=code_of("utility"),
    script:
        "../../scripts/utility.py"


# Recompute Utility, statistics and correlations from what the paper prints.
rule utility_published:
    input:
        printed=of_checkout(paths.utility_printed()),
    output:
        table=paths.UTILITY_PUBLISHED,
    log:
        paths.log("utility_published"),
    benchmark:
        paths.benchmark("utility_published")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(1000),
        runtime=30,
    params:
        cfg=cfg_of("utility_published"),
        code=code_of("utility_published"),
    script:
        "../../scripts/utility_published.py"
