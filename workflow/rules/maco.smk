# MACO: pictures of what a network looks for.


# What a network looks for, by MACO and other methods, judged by other networks.
use rule job as maco with:
    input:
        unpack(inputs_by(dag.maco_inputs)),
    output:
        table=paths.MACO,
        pictures=paths.MACO_PICTURES,
    resources:
        **asks(12000, 1440, gpu=True),
