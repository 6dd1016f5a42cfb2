# Stability: networks trained without one fold each, and how far their explanations are apart.
OF_SHARDS = CFG.studies.stability.shard is not None


# Train the networks of all folds on labels of which some are switched. In one job: a process costs
# more than a small network. A killed job leaves checkpoints and resumes from them.
rule train_folds:
    input:
        train=places.TRAIN,
    output:
        weights=expand(
            places.FOLD, fold=range(CFG.studies.stability.folds), allow_missing=True
        ),
        history=places.FOLD_HISTORY,
    log:
        places.log("train_folds", "dataset", "model", "seed", "switched"),
    benchmark:
        places.benchmark("train_folds", "dataset", "model", "seed", "switched")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=1440,
        gpu=one_gpu,
    params:
        cfg=cfg_of("train_folds"),
        code=code_of("train_folds"),
    script:
        "../../scripts/train_folds.py"


# Explain images, or a shard of them, by one method and the networks of every fold and condition;
# compare the maps.
rule stability:
    input:
        unpack(stability_inputs),
    output:
        pairs=places.PAIRS_SHARD if OF_SHARDS else places.PAIRS,
        metrics=places.PAIR_METRICS_SHARD if OF_SHARDS else places.PAIR_METRICS,
    log:
        places.log(
            "stability", "dataset", "model", "seed", "method", *["shard"][:OF_SHARDS]
        ),
    benchmark:
        places.benchmark(
            "stability", "dataset", "model", "seed", "method", *["shard"][:OF_SHARDS]
        )
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=1440,
        gpu=one_gpu,
    params:
        cfg=cfg_of("stability"),
        code=code_of("stability"),
    script:
        "../../scripts/stability.py"


# Gather the results of all folds of a model in one tidy table.
rule stability_scores:
    input:
        unpack(stability_scores_inputs),
    output:
        table=places.STABILITY_SCORES,
    log:
        places.log("stability_scores", "dataset", "model", "seed", "experiment"),
    benchmark:
        places.benchmark("stability_scores", "dataset", "model", "seed", "experiment")
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=30,
    params:
        cfg=cfg_of("stability_scores"),
        code=code_of("stability_scores"),
    script:
        "../../scripts/stability_scores.py"


# What the distances between maps do when a spot moves, and under noise.
rule map_distances:
    output:
        table=places.MAP_DISTANCES,
    log:
        places.log("map_distances"),
    benchmark:
        places.benchmark("map_distances")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(2000),
        runtime=30,
    params:
        cfg=cfg_of("map_distances"),
        code=code_of("map_distances"),
    script:
        "../../scripts/map_distances.py"
