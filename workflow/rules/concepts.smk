# Concepts: all classes of a data set in one job, one after the other, or a shard of them
# (`concepts.shard`).
OF_CLASSES = CFG.concepts.shard is not None


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
