# Models: trained from a seed (or taken ready-made), and measured.


# Fetch the published weights of a model, where there is a network; what is there already is checked.
rule download_weights:
    input:
        weights_to_fetch,
    output:
        note=places.DOWNLOADED_WEIGHTS,
    log:
        places.log("download_weights", "model"),
    benchmark:
        places.benchmark("download_weights", "model")
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(2000),
        runtime=120,
    params:
        cfg=cfg_of("download_weights"),
        code=code_of("download_weights"),
    script:
        "../../scripts/download_weights.py"


# Train a model. A killed training leaves a checkpoint beside its weights and resumes from it. A rule
# that `--cache` shares between checkouts may not have a benchmark: `time` says what it took.
rule train:
    input:
        train=places.TRAIN,
        published=published_weights,
    output:
        weights=places.WEIGHTS,
        history=places.HISTORY,
        time=places.TRAINING_TIME,
    log:
        places.log("train", "dataset", "model", "seed"),
    cache: True
    priority: early(places.WEIGHTS)
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=240,
        gpu=one_gpu,
    params:
        cfg=cfg_of("train"),
        names=names_of,
        code=code_of("train"),
    script:
        "../../scripts/train.py"


# The class that a model gives every image, for the chapters on concepts.
rule predict:
    input:
        train=places.TRAIN,
        test=places.TEST,
        weights=places.WEIGHTS,
    output:
        predicted=places.PREDICTED,
    log:
        places.log("predict", "dataset", "model", "seed"),
    benchmark:
        places.benchmark("predict", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(3000),
        runtime=120,
        gpu=one_gpu,
    params:
        cfg=cfg_of("predict"),
        code=code_of("predict"),
    script:
        "../../scripts/predict.py"


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
        mem_mb=doubling(3000),
        runtime=60,
        gpu=one_gpu,
    params:
        cfg=cfg_of("evaluate"),
        code=code_of("evaluate"),
    script:
        "../../scripts/evaluate.py"
