# Concepts: all classes of a data set in one job, one after the other, or a shard of them
# (`concepts.shard`).
OF_CLASSES = CFG.concepts.shard is not None
OF_BANK = ("bank", "dataset", "model", "seed", "layer")


# Fit the concepts of every class at one layer, once for all that read them (config/bank).
use rule job as concepts with:
    input:
        train=paths.TRAIN,
        predicted=paths.PREDICTED,
        weights=paths.WEIGHTS,
    output:
        table=paths.CONCEPTS_SHARD if OF_CLASSES else paths.CONCEPTS,
        banks=directory(
            paths.CONCEPT_BANKS_SHARD if OF_CLASSES else paths.CONCEPT_BANKS
        ),
    resources:
        **asks(4000, 480, gpu=True),


if OF_CLASSES:

    # Put the concepts of all shards into one folder, the one that a job for all would have written.
    use rule job as merge_concepts with:
        input:
            unpack(inputs_by(concept_files.concept_shards)),
        output:
            table=paths.CONCEPTS,
            banks=directory(paths.CONCEPT_BANKS),
        localrule: True
        resources:
            **asks(2000, 30),


# Concepts of every class by CRAFT, against the parts that decide where these are known.
use rule job as craft with:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("craft"),
    output:
        table=paths.CRAFT_SHARD if OF_CLASSES else paths.CRAFT,
    resources:
        **asks(4000, 480, gpu=True),


# What the figures of CRAFT show of one class, one image and one mistake.
use rule job as craft_pictures with:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("craft"),
        spectrum=paths.SPECTRUM,
    output:
        pictures=paths.CRAFT_PICTURES,
    resources:
        **asks(4000, 120, gpu=True),


# Dictionaries, importance methods and layers compared; strategies; steering.
use rule job as holistic with:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("holistic"),
    output:
        table=paths.HOLISTIC_SHARD if OF_CLASSES else paths.HOLISTIC,
    resources:
        **asks(4000, 480, gpu=True),


if OF_CLASSES:

    # Put the numbers of all classes into one table, the one that a job for all would have written.
    use rule job as merge_classes with:
        input:
            tables=lambda wildcards: concept_files.shards_of_classes(
                CFG, wildcards.study, wildcards
            ),
        output:
            table=paths.OF_CLASSES,
        wildcard_constraints:
            study="craft|holistic",
        localrule: True
        resources:
            **asks(2000, 30),


# Dictionaries with more atoms than channels: sparsity, reconstruction, stability.
use rule job as fronts with:
    input:
        unpack(inputs_by(dag.fronts_inputs)),
    output:
        table=paths.FRONTS,
    resources:
        **asks(4000, 480, gpu=True),


# Whether a part is a direction, where images can be painted without it.
use rule job as linear with:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("linear"),
    output:
        table=paths.LINEAR,
    resources:
        **asks(4000, 480, gpu=True),


# What a network looks for, by MACO and other methods, judged by other networks.
use rule job as maco with:
    input:
        unpack(inputs_by(dag.maco_inputs)),
    output:
        table=paths.MACO,
        pictures=paths.MACO_PICTURES,
    resources:
        **asks(12000, 1440, gpu=True),
