# Studies: what only one figure or claim needs.


# Faithfulness of black-box methods at several budgets of forward passes.
rule budget:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.BUDGET,
        cost=paths.BUDGET_COST,
    log:
        paths.log("budget", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("budget", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 480, gpu=True),
    params:
        **made_of("budget"),
    script:
        "../../scripts/budget.py"


# Total indices of images by every sequence and estimator.
rule samplers:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.SAMPLERS,
    log:
        paths.log("samplers", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("samplers", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 480, gpu=True),
    params:
        **made_of("samplers"),
    script:
        "../../scripts/samplers.py"


# The same on functions whose indices are known.
rule samplers_analytic:
    output:
        table=paths.SAMPLERS_ANALYTIC,
    log:
        paths.log("samplers_analytic"),
    benchmark:
        paths.benchmark("samplers_analytic")
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 60),
    params:
        **made_of("samplers_analytic"),
    script:
        "../../scripts/samplers_analytic.py"


# One image explained by Sobol indices, every step kept.
rule walkthrough:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        steps=paths.WALKTHROUGH,
    log:
        paths.log("walkthrough", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("walkthrough", "dataset", "model", "seed")
    priority: early(paths.WALKTHROUGH)
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 30, gpu=True),
    params:
        **made_of("walkthrough"),
    script:
        "../../scripts/walkthrough.py"
