# Studies: what only one figure or claim needs.


# Faithfulness of black-box methods at several budgets of forward passes.
rule budget:
    input:
        images=places.EXPLAINED,
        weights=places.WEIGHTS,
    output:
        table=places.BUDGET,
        cost=places.BUDGET_COST,
    log:
        places.log("budget", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("budget", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=480,
        gpu=one_gpu,
    params:
        cfg=cfg_of("budget"),
        code=code_of("budget"),
    script:
        "../../scripts/budget.py"


# Total indices of images by every sequence and estimator.
rule samplers:
    input:
        images=places.EXPLAINED,
        weights=places.WEIGHTS,
    output:
        table=places.SAMPLERS,
    log:
        places.log("samplers", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("samplers", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(3000),
        runtime=480,
        gpu=one_gpu,
    params:
        cfg=cfg_of("samplers"),
        code=code_of("samplers"),
    script:
        "../../scripts/samplers.py"


# The same on functions whose indices are known.
rule samplers_analytic:
    output:
        table=places.SAMPLERS_ANALYTIC,
    log:
        places.log("samplers_analytic"),
    benchmark:
        places.benchmark("samplers_analytic")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(3000),
        runtime=60,
    params:
        cfg=cfg_of("samplers_analytic"),
        code=code_of("samplers_analytic"),
    script:
        "../../scripts/samplers_analytic.py"


# One image explained by Sobol indices, every step kept.
rule walkthrough:
    input:
        images=places.EXPLAINED,
        weights=places.WEIGHTS,
    output:
        steps=places.WALKTHROUGH,
    log:
        places.log("walkthrough", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("walkthrough", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(3000),
        runtime=30,
        gpu=one_gpu,
    params:
        cfg=cfg_of("walkthrough"),
        code=code_of("walkthrough"),
    script:
        "../../scripts/walkthrough.py"
