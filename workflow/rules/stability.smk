# Stability: networks trained without one fold each, and how far their explanations are apart.
OF_SHARDS = CFG.studies.stability.shard is not None


# Train the networks of all folds on labels of which some are wrong. In one job: a process costs
# more than a small network. A killed job leaves checkpoints and resumes from them.
rule train_folds:
    input:
        train=paths.TRAIN,
    output:
        weights=expand(
            paths.FOLD, fold=range(CFG.studies.stability.folds), allow_missing=True
        ),
        history=paths.FOLD_HISTORY,
    log:
        paths.log("train_folds", "dataset", "model", "seed", "label_noise"),
    benchmark:
        paths.benchmark("train_folds", "dataset", "model", "seed", "label_noise")
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 1440, gpu=True),
    params:
        **made_of("train_folds"),
    script:
        "../../scripts/train_folds.py"


# Explain images, or a shard of them, by one method and the networks of every fold and condition;
# compare the maps.
rule stability:
    input:
        unpack(inputs_by(dag.stability_inputs)),
    output:
        pairs=paths.PAIRS_SHARD if OF_SHARDS else paths.PAIRS,
        metrics=paths.PAIR_METRICS_SHARD if OF_SHARDS else paths.PAIR_METRICS,
    log:
        paths.log(
            "stability", "dataset", "model", "seed", "method", *["shard"][:OF_SHARDS]
        ),
    benchmark:
        paths.benchmark(
            "stability", "dataset", "model", "seed", "method", *["shard"][:OF_SHARDS]
        )
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 1440, gpu=True),
    params:
        **made_of("stability"),
    script:
        "../../scripts/stability.py"


# Gather the results of all folds of a model in one tidy table.
rule stability_scores:
    input:
        unpack(inputs_by(dag.stability_scores_inputs)),
    output:
        table=paths.STABILITY_SCORES,
    log:
        paths.log("stability_scores", "dataset", "model", "seed", "experiment"),
    benchmark:
        paths.benchmark("stability_scores", "dataset", "model", "seed", "experiment")
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 30),
    params:
        **made_of("stability_scores"),
    script:
        "../../scripts/stability_scores.py"


# What the distances between maps do when a spot moves, and under noise.
rule map_distances:
    output:
        table=paths.MAP_DISTANCES,
    log:
        paths.log("map_distances"),
    benchmark:
        paths.benchmark("map_distances")
    conda:
        "../../environment.yml"
    resources:
        **asks(2000, 30),
    params:
        **made_of("map_distances"),
    script:
        "../../scripts/map_distances.py"
