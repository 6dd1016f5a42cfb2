# Concepts: all classes of a data set in one job, one after the other.


# Concepts of every class by CRAFT, against the parts that decide where these are known.
rule craft:
    input:
        train=places.TRAIN,
        test=places.TEST,
        spectrum=places.SPECTRUM,
        weights=places.WEIGHTS,
    output:
        table=places.CRAFT,
        pictures=places.CRAFT_PICTURES,
    log:
        places.log("craft", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("craft", "dataset", "model", "seed")
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


# Dictionaries, importance methods and layers compared; strategies; steering.
rule holistic:
    input:
        train=places.TRAIN,
        test=places.TEST,
        weights=places.WEIGHTS,
    output:
        table=places.HOLISTIC,
    log:
        places.log("holistic", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("holistic", "dataset", "model", "seed")
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
