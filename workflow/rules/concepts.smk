# Concepts: all classes of a data set in one job, one after the other, or a shard of them
# (`concepts.shard`).
OF_CLASSES = CFG.concepts.shard is not None
OF_BANK = ("bank", "dataset", "model", "seed", "layer")


# Fit the concepts of every class at one layer, once for all that read them (config/bank).
rule concepts:
    input:
        train=paths.TRAIN,
        predicted=paths.PREDICTED,
        weights=paths.WEIGHTS,
    output:
        table=paths.CONCEPTS_SHARD if OF_CLASSES else paths.CONCEPTS,
        banks=directory(
            paths.CONCEPT_BANKS_SHARD if OF_CLASSES else paths.CONCEPT_BANKS
        ),
    log:
        paths.log("concepts", *OF_BANK, *["shard"][:OF_CLASSES]),
    benchmark:
        paths.benchmark("concepts", *OF_BANK, *["shard"][:OF_CLASSES])
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 480, gpu=True),
    params:
        **made_of("concepts"),
    script:
        "../../scripts/concepts.py"


if OF_CLASSES:

    # Put the concepts of all shards into one folder, the one that a job for all would have written.
    rule merge_concepts:
        input:
            unpack(inputs_by(concept_files.concept_shards)),
        output:
            table=paths.CONCEPTS,
            banks=directory(paths.CONCEPT_BANKS),
        log:
            paths.log("merge_concepts", *OF_BANK),
        benchmark:
            paths.benchmark("merge_concepts", *OF_BANK)
        localrule: True
        conda:
            "../../environment.yml"
        resources:
            **asks(2000, 30),
        params:
            **made_of("merge_concepts"),
        script:
            "../../scripts/merge_concepts.py"


# Concepts of every class by CRAFT, against the parts that decide where these are known.
rule craft:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("craft"),
    output:
        table=paths.CRAFT_SHARD if OF_CLASSES else paths.CRAFT,
    log:
        paths.log("craft", "dataset", "model", "seed", *["shard"][:OF_CLASSES]),
    benchmark:
        paths.benchmark("craft", "dataset", "model", "seed", *["shard"][:OF_CLASSES])
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 480, gpu=True),
    params:
        **made_of("craft"),
    script:
        "../../scripts/craft.py"


# What the figures of CRAFT show of one class, one image and one mistake.
rule craft_pictures:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("craft"),
        spectrum=paths.SPECTRUM,
    output:
        pictures=paths.CRAFT_PICTURES,
    log:
        paths.log("craft_pictures", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("craft_pictures", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 120, gpu=True),
    params:
        **made_of("craft_pictures"),
    script:
        "../../scripts/craft_pictures.py"


# Dictionaries, importance methods and layers compared; strategies; steering.
rule holistic:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("holistic"),
    output:
        table=paths.HOLISTIC_SHARD if OF_CLASSES else paths.HOLISTIC,
    log:
        paths.log("holistic", "dataset", "model", "seed", *["shard"][:OF_CLASSES]),
    benchmark:
        paths.benchmark("holistic", "dataset", "model", "seed", *["shard"][:OF_CLASSES])
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 480, gpu=True),
    params:
        **made_of("holistic"),
    script:
        "../../scripts/holistic.py"


if OF_CLASSES:

    # Put the numbers of all classes into one table, the one that a job for all would have written.
    rule merge_classes:
        input:
            tables=lambda wildcards: concept_files.shards_of_classes(
                CFG, wildcards.study, wildcards
            ),
        output:
            table=paths.OF_CLASSES,
        log:
            paths.log("merge_classes", "study", "dataset", "model", "seed"),
        benchmark:
            paths.benchmark("merge_classes", "study", "dataset", "model", "seed")
        wildcard_constraints:
            study="craft|holistic",
        localrule: True
        conda:
            "../../environment.yml"
        resources:
            **asks(2000, 30),
        params:
            **made_of("merge_classes"),
        script:
            "../../scripts/merge_classes.py"


# Dictionaries with more atoms than channels: sparsity, reconstruction, stability.
rule fronts:
    input:
        unpack(inputs_by(dag.fronts_inputs)),
    output:
        table=paths.FRONTS,
    log:
        paths.log("fronts", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("fronts", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 480, gpu=True),
    params:
        **made_of("fronts"),
    script:
        "../../scripts/fronts.py"


# Whether a part is a direction, where images can be painted without it.
rule linear:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("linear"),
    output:
        table=paths.LINEAR,
    log:
        paths.log("linear", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("linear", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 480, gpu=True),
    params:
        **made_of("linear"),
    script:
        "../../scripts/linear.py"


# What a network looks for, by MACO and other methods, judged by other networks.
rule maco:
    input:
        unpack(inputs_by(dag.maco_inputs)),
    output:
        table=paths.MACO,
        pictures=paths.MACO_PICTURES,
    log:
        paths.log("maco", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("maco", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(12000, 1440, gpu=True),
    params:
        **made_of("maco"),
    script:
        "../../scripts/maco.py"
