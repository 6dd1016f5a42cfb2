# Harmonization: networks that look where people look, and people themselves.


# Accuracy with and without the shortcut, alignment with human maps, accuracy on human features.
use rule job as alignment with:
    input:
        splits=inputs_by(dag.test_splits),
        weights=paths.WEIGHTS,
    output:
        table=paths.ALIGNMENT,
        maps=paths.ALIGNMENT_MAPS,
    resources:
        **asks(3000, 120, gpu=True),


# Accuracy and alignment of many small networks, trained alike.
use rule job as population with:
    input:
        train=paths.TRAIN,
        splits=inputs_by(dag.test_splits),
    output:
        table=paths.POPULATION,
    resources:
        **asks(3000, 240, gpu=True),


# Maps of a network beside the marks of real people, a blob at the centre, and the human ceiling.
use rule job as people with:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.PEOPLE,
        maps=paths.PEOPLE_MAPS,
    resources:
        **asks(4000, 240, gpu=True),
