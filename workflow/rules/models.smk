# Models: trained from a seed (or taken ready-made), and measured.


# Train a model. A killed training leaves a checkpoint beside its weights and resumes from it.
rule train:
    input:
        train=places.TRAIN,
    output:
        weights=places.WEIGHTS,
        history=places.HISTORY,
        time=places.TRAINING_TIME,
    log:
        places.log("train", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("train", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
        gpu=GPU,
    params:
        cfg=cfg_of("train"),
        code=code_of("train"),
    script:
        "../../scripts/train.py"


# Accuracy on the test images.
rule evaluate:
    input:
        test=places.TEST,
        weights=places.WEIGHTS,
    output:
        table=places.EVALUATION,
    log:
        places.log("evaluate", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("evaluate", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=GPU,
    params:
        cfg=cfg_of("evaluate"),
        code=code_of("evaluate"),
    script:
        "../../scripts/evaluate.py"
