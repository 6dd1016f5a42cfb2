# The holistic view: dictionaries, importance methods and layers compared.


# Dictionaries, importance methods and layers compared; strategies; steering.
use rule job as holistic with:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("holistic"),
    output:
        table=paths.HOLISTIC_SHARD if OF_CLASSES else paths.HOLISTIC,
    resources:
        **asks(4000, 480, gpu=True),


# Dictionaries with more atoms than channels: sparsity, reconstruction, stability.
use rule job as fronts with:
    input:
        unpack(inputs_by(dag.with_other_seeds("fronts"))),
    output:
        table=paths.FRONTS,
    resources:
        **asks(4000, 480, gpu=True),
