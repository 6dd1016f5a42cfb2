# EVA: every method of its paper on one network, and what verified bounds prove.


# Explain images by EVA and its rivals, score the maps, attack and certify.
use rule job as eva with:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.EVA,
        cost=paths.EVA_COST,
        maps=paths.EVA_MAPS,
    resources:
        **asks(5000, 480, gpu=True),


# EVA's subsets of the inputs of tiny networks against the best ones.
use rule job as eva_optimal with:
    output:
        table=paths.EVA_OPTIMAL,
    resources:
        **asks(2000, 60),
