# CRAFT: concepts of a class, their importance, and pictures of them.


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
