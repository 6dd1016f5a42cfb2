# Attribution: one job per model and method, over all images or one shard of them (`explain.shard`);
# then one per family of metrics.
SHARDED = CFG.explain.shard is not None


# Explain the chosen images by one method. Shared by `--cache`, hence without a benchmark: see `cost`.
rule attribute:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        maps=paths.SHARD if SHARDED else paths.MAPS,
        cost=paths.SHARD_COST if SHARDED else paths.COST,
    log:
        paths.log(
            "attribute", "dataset", "model", "seed", "method", *["shard"][:SHARDED]
        ),
    cache: True
    priority: early(paths.MAPS)
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 240, gpu=True),
    params:
        **made_of("attribute"),
        names=names_of,
    script:
        "../../scripts/attribute.py"


if SHARDED:

    # Put the maps of all shards into one artifact, which is read as if one job had made it.
    rule merge_shards:
        input:
            unpack(inputs_by(dag.shards)),
        output:
            maps=paths.MAPS,
            cost=paths.COST,
        log:
            paths.log("merge_shards", "dataset", "model", "seed", "method"),
        benchmark:
            paths.benchmark("merge_shards", "dataset", "model", "seed", "method")
        conda:
            "../../environment.yml"
        resources:
            **asks(2000, 60),
        params:
            **made_of("merge_shards"),
        script:
            "../../scripts/merge_shards.py"


# Score the maps of one method by every family of metrics that experiments ask for: in one job, since a
# process costs more than most of them.
rule score:
    input:
        unpack(weights_if_needed),
        images=paths.EXPLAINED,
        maps=paths.MAPS,
    output:
        table=paths.SCORES,
    log:
        paths.log("score", "dataset", "model", "seed", "method"),
    benchmark:
        paths.benchmark("score", "dataset", "model", "seed", "method")
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 120, gpu=True),
    params:
        **made_of("score"),
    script:
        "../../scripts/score.py"


# First- and total-order Sobol indices of every cell, from one design.
rule indices:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.INDICES,
    log:
        paths.log("indices", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("indices", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 120, gpu=True),
    params:
        **made_of("indices"),
    script:
        "../../scripts/indices.py"
