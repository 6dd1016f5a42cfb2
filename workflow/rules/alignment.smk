# Alignment: models that look where people look, and 1-Lipschitz networks.


# Accuracy with and without the shortcut, alignment with human maps, accuracy on human features.
rule alignment:
    input:
        splits=inputs_by(dag.test_splits),
        weights=paths.WEIGHTS,
    output:
        table=paths.ALIGNMENT,
        maps=paths.ALIGNMENT_MAPS,
    log:
        paths.log("alignment", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("alignment", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 120, gpu=True),
    params:
        **made_of("alignment"),
    script:
        "../../scripts/alignment.py"


# Accuracy and alignment of many small networks, trained alike.
rule population:
    input:
        train=paths.TRAIN,
        splits=inputs_by(dag.test_splits),
    output:
        table=paths.POPULATION,
    log:
        paths.log("population", "dataset"),
    benchmark:
        paths.benchmark("population", "dataset")
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 240, gpu=True),
    params:
        **made_of("population"),
    script:
        "../../scripts/population.py"


# Maps of a network beside the marks of real people, a blob at the centre, and the human ceiling.
rule people:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.PEOPLE,
        maps=paths.PEOPLE_MAPS,
    log:
        paths.log("people", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("people", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 240, gpu=True),
    params:
        **made_of("people"),
    script:
        "../../scripts/people.py"


# Metrics of maps, certificates, attacks and counterfactuals of one network.
rule lipschitz:
    input:
        images=paths.EXPLAINED,
        train=paths.TRAIN,
        weights=paths.WEIGHTS,
    output:
        table=paths.LIPSCHITZ,
        maps=paths.LIPSCHITZ_MAPS,
    log:
        paths.log("lipschitz", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("lipschitz", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 240, gpu=True),
    params:
        **made_of("lipschitz"),
    script:
        "../../scripts/lipschitz.py"


# Two Koch snowflakes, separated by a 1-Lipschitz network and by its unconstrained baseline.
rule snowflakes:
    output:
        table=paths.SNOWFLAKES,
        drawn=paths.SNOWFLAKES_DRAWN,
    log:
        paths.log("snowflakes"),
    benchmark:
        paths.benchmark("snowflakes")
    conda:
        "../../environment.yml"
    resources:
        **asks(2000, 60),
    params:
        **made_of("snowflakes"),
    script:
        "../../scripts/snowflakes.py"
