# Steering: parts and concepts as directions.


# Whether a part is a direction, where images can be painted without it.
use rule job as linear with:
    input:
        **paths.CLASSIFIED,
        concepts=concepts_of("linear"),
    output:
        table=paths.LINEAR,
    resources:
        **asks(4000, 480, gpu=True),
