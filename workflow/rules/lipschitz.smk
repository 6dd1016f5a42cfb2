# 1-Lipschitz networks: maps, certificates and counterfactuals.


# Metrics of maps, certificates, attacks and counterfactuals of one network.
use rule job as lipschitz with:
    input:
        images=paths.EXPLAINED,
        train=paths.TRAIN,
        weights=paths.WEIGHTS,
    output:
        table=paths.LIPSCHITZ,
        maps=paths.LIPSCHITZ_MAPS,
    resources:
        **asks(3000, 240, gpu=True),


# Two Koch snowflakes, separated by a 1-Lipschitz network and by its unconstrained baseline.
use rule job as snowflakes with:
    output:
        table=paths.SNOWFLAKES,
        drawn=paths.SNOWFLAKES_DRAWN,
    resources:
        **asks(2000, 60),
