# Concepts: all classes of a data set in one job, one after the other, or a shard of them
# (`concepts.shard`).
OF_CLASSES = CFG.concepts.shard is not None
OF_BANK = ("bank", "dataset", "model", "seed", "layer")


# Fit the concepts of every class at one layer, once for all that read them (config/bank).
rule concepts:
    input:
        train=places.TRAIN,
        predicted=places.PREDICTED,
        weights=places.WEIGHTS,
    output:
        table=places.CONCEPTS_SHARD if OF_CLASSES else places.CONCEPTS,
        banks=directory(
            places.CONCEPT_BANKS_SHARD if OF_CLASSES else places.CONCEPT_BANKS
        ),
    log:
        places.log("concepts", *OF_BANK, *["shard"][:OF_CLASSES]),
    benchmark:
        places.benchmark("concepts", *OF_BANK, *["shard"][:OF_CLASSES])
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=480,
        gpu=one_gpu,
    params:
        cfg=cfg_of("concepts"),
        code=code_of("concepts"),
    script:
        "../../scripts/concepts.py"


if OF_CLASSES:

    # Put the concepts of all shards into one folder, the one that a job for all would have written.
    rule merge_concepts:
        input:
            unpack(shards_of_concepts),
        output:
            table=places.CONCEPTS,
            banks=directory(places.CONCEPT_BANKS),
        log:
            places.log("merge_concepts", *OF_BANK),
        benchmark:
            places.benchmark("merge_concepts", *OF_BANK)
        localrule: True
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=doubling(2000),
            runtime=30,
        params:
            cfg=cfg_of("merge_concepts"),
            code=code_of("merge_concepts"),
        script:
            "../../scripts/merge_concepts.py"


# Concepts of every class by CRAFT, against the parts that decide where these are known.
rule craft:
    input:
        **places.CLASSIFIED,
        concepts=concepts_of("craft"),
    output:
        table=places.CRAFT_SHARD if OF_CLASSES else places.CRAFT,
    log:
        places.log("craft", "dataset", "model", "seed", *["shard"][:OF_CLASSES]),
    benchmark:
        places.benchmark("craft", "dataset", "model", "seed", *["shard"][:OF_CLASSES])
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=480,
        gpu=one_gpu,
    params:
        cfg=cfg_of("craft"),
        code=code_of("craft"),
    script:
        "../../scripts/craft.py"


# What the figures of CRAFT show of one class, one image and one mistake.
rule craft_pictures:
    input:
        **places.CLASSIFIED,
        concepts=concepts_of("craft"),
        spectrum=places.SPECTRUM,
    output:
        pictures=places.CRAFT_PICTURES,
    log:
        places.log("craft_pictures", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("craft_pictures", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=120,
        gpu=one_gpu,
    params:
        cfg=cfg_of("craft_pictures"),
        code=code_of("craft_pictures"),
    script:
        "../../scripts/craft_pictures.py"


# Dictionaries, importance methods and layers compared; strategies; steering.
rule holistic:
    input:
        **places.CLASSIFIED,
        concepts=concepts_of("holistic"),
    output:
        table=places.HOLISTIC_SHARD if OF_CLASSES else places.HOLISTIC,
    log:
        places.log("holistic", "dataset", "model", "seed", *["shard"][:OF_CLASSES]),
    benchmark:
        places.benchmark(
            "holistic", "dataset", "model", "seed", *["shard"][:OF_CLASSES]
        )
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=480,
        gpu=one_gpu,
    params:
        cfg=cfg_of("holistic"),
        code=code_of("holistic"),
    script:
        "../../scripts/holistic.py"


if OF_CLASSES:

    # Put the numbers of all classes into one table, the one that a job for all would have written.
    rule merge_classes:
        input:
            unpack(shards_of_classes),
        output:
            table=places.OF_CLASSES,
        log:
            places.log("merge_classes", "study", "dataset", "model", "seed"),
        benchmark:
            places.benchmark("merge_classes", "study", "dataset", "model", "seed")
        wildcard_constraints:
            study="craft|holistic",
        localrule: True
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=doubling(2000),
            runtime=30,
        params:
            cfg=cfg_of("merge_classes"),
            code=code_of("merge_classes"),
        script:
            "../../scripts/merge_classes.py"


# What a network looks for, by MACO and other methods, judged by other networks.
rule maco:
    input:
        unpack(maco_inputs),
    output:
        table=places.MACO,
        pictures=places.MACO_PICTURES,
    log:
        places.log("maco", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("maco", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(12000),
        runtime=1440,
        gpu=one_gpu,
    params:
        cfg=cfg_of("maco"),
        code=code_of("maco"),
    script:
        "../../scripts/maco.py"
