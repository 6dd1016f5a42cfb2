# Attribution: one job per model and method, over all images or a shard of them; then its scores.
SHARDED = CFG.explain.shard is not None


# Explain the chosen images by one method. Shared by `--cache`, hence without a benchmark: see `cost`.
use rule job as attribute with:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        maps=paths.SHARD if SHARDED else paths.MAPS,
        cost=paths.SHARD_COST if SHARDED else paths.COST,
    cache: True
    priority: early(paths.MAPS)
    resources:
        **asks(3000, 240, gpu=True),


if SHARDED:

    # Put the maps of all shards into one artifact, which is read as if one job had made it.
    use rule job as merge_shards with:
        input:
            unpack(inputs_by(dag.shards)),
        output:
            maps=paths.MAPS,
            cost=paths.COST,
        resources:
            **asks(2000, 60),


# Score the maps of one method by every family of metrics that experiments ask for: in one job, since a
# process costs more than most of them.
use rule job as score with:
    input:
        unpack(weights_if_needed),
        images=paths.EXPLAINED,
        maps=paths.MAPS,
    output:
        table=paths.SCORES,
    resources:
        **asks(3000, 120, gpu=True),
