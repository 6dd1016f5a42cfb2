# Systems beside the thesis.


# Training images with a shortcut, corrected by what explanations have in common.
use rule job as shortcut with:
    input:
        train=paths.TRAIN,
        splits=inputs_by(dag.test_splits),
    output:
        table=paths.SHORTCUT,
        pictures=paths.SHORTCUT_PICTURES,
    resources:
        **asks(4000, 240, gpu=True),


# The paths of gradients: their entropy, and the heaviest of them.
use rule job as gradient_paths with:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.GRADIENT_PATHS,
        maps=paths.GRADIENT_PATHS_MAPS,
    resources:
        **asks(4000, 240, gpu=True),


# Circuits of parts, with what is outside of them or in them held at its mean.
use rule job as circuits with:
    input:
        train=paths.TRAIN,
        test=paths.TEST,
        weights=paths.WEIGHTS,
    output:
        table=paths.CIRCUITS,
    resources:
        **asks(4000, 240, gpu=True),


# One dictionary for networks of several seeds or architectures.
use rule job as universal with:
    input:
        unpack(inputs_by(dag.universal_inputs)),
    output:
        table=paths.UNIVERSAL,
    resources:
        **asks(4000, 240, gpu=True),


# Images changed a little towards classes, scored by this and other networks.
use rule job as accentuation with:
    input:
        unpack(inputs_by(dag.accentuation_inputs)),
    output:
        table=paths.ACCENTUATION,
        pictures=paths.ACCENTUATION_PICTURES,
    resources:
        **asks(4000, 240, gpu=True),
