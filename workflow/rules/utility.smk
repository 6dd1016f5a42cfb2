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
    resources:
        **asks(3000, 120, gpu=True),
    params:
        **made_of("utility_maps"),
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
    resources:
        **asks(2000, 120),
    params:
        **made_of("utility"),
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
    resources:
        **asks(1000, 30),
    params:
        **made_of("utility_published"),
    script:
        "../../scripts/utility_published.py"
