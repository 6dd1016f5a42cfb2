# Models: trained from a seed (or taken ready-made), and measured.


# Fetch the published weights of a model, where there is a network; what is there already is checked.
use rule job as download_weights with:
    input:
        fetching("model", paths.DOWNLOADED_WEIGHTS),
    output:
        note=paths.DOWNLOADED_WEIGHTS,
    localrule: True
    resources:
        **asks(2000, 120),


# Train a model. A killed training leaves a checkpoint beside its weights and resumes from it. A rule
# that `--cache` shares between checkouts may not have a benchmark: `time` says what it took.
use rule job as train with:
    input:
        train=paths.TRAIN,
        published=published_weights,
    output:
        weights=paths.WEIGHTS,
        history=paths.HISTORY,
        time=paths.TRAINING_TIME,
    cache: True
    priority: early(paths.WEIGHTS)
    resources:
        **asks(4000, 240, gpu=True),


# The class that a model gives every image, for the chapters on concepts.
use rule job as predict with:
    input:
        train=paths.TRAIN,
        test=paths.TEST,
        weights=paths.WEIGHTS,
    output:
        predicted=paths.PREDICTED,
    resources:
        **asks(3000, 120, gpu=True),


# Accuracy on the test images, and on some that the network was trained on.
use rule job as evaluate with:
    input:
        train=paths.TRAIN,
        test=paths.TEST,
        weights=paths.WEIGHTS,
    output:
        table=paths.EVALUATION,
    resources:
        **asks(3000, 60, gpu=True),
