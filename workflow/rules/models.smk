# Models: trained from a seed (or taken ready-made), and measured.


# Fetch the published weights of a model, where there is a network; what is there already is checked.
rule download_weights:
    input:
        fetching("model", paths.DOWNLOADED_WEIGHTS),
    output:
        note=paths.DOWNLOADED_WEIGHTS,
    log:
        paths.log("download_weights", "model"),
    benchmark:
        paths.benchmark("download_weights", "model")
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        **asks(2000, 120),
    params:
        **made_of("download_weights"),
    script:
        "../../scripts/download_weights.py"


# Train a model. A killed training leaves a checkpoint beside its weights and resumes from it. A rule
# that `--cache` shares between checkouts may not have a benchmark: `time` says what it took.
rule train:
    input:
        train=paths.TRAIN,
        published=published_weights,
    output:
        weights=paths.WEIGHTS,
        history=paths.HISTORY,
        time=paths.TRAINING_TIME,
    log:
        paths.log("train", "dataset", "model", "seed"),
    cache: True
    priority: early(paths.WEIGHTS)
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 240, gpu=True),
    params:
        **made_of("train"),
        names=names_of,
    script:
        "../../scripts/train.py"


# The class that a model gives every image, for the chapters on concepts.
rule predict:
    input:
        train=paths.TRAIN,
        test=paths.TEST,
        weights=paths.WEIGHTS,
    output:
        predicted=paths.PREDICTED,
    log:
        paths.log("predict", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("predict", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 120, gpu=True),
    params:
        **made_of("predict"),
    script:
        "../../scripts/predict.py"


# Accuracy on the test images.
rule evaluate:
    input:
        test=paths.TEST,
        weights=paths.WEIGHTS,
    output:
        table=paths.EVALUATION,
    log:
        paths.log("evaluate", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("evaluate", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 60, gpu=True),
    params:
        **made_of("evaluate"),
    script:
        "../../scripts/evaluate.py"
