# Stability: networks trained without one fold each, and how far their explanations are apart.
OF_SHARDS = CFG.studies.stability.shard is not None


# Train the networks of all folds on labels of which some are wrong. In one job: a process costs
# more than a small network. A killed job leaves checkpoints and resumes from them.
use rule job as train_folds with:
    input:
        train=paths.TRAIN,
    output:
        weights=expand(
            paths.FOLD, fold=range(CFG.studies.stability.folds), allow_missing=True
        ),
        history=paths.FOLD_HISTORY,
    resources:
        **asks(4000, 1440, gpu=True),


# Explain images, or a shard of them, by one method and the networks of every fold and condition;
# compare the maps.
use rule job as stability with:
    input:
        unpack(inputs_by(dag.stability_inputs)),
    output:
        pairs=paths.PAIRS_SHARD if OF_SHARDS else paths.PAIRS,
        metrics=paths.PAIR_METRICS_SHARD if OF_SHARDS else paths.PAIR_METRICS,
    resources:
        **asks(4000, 1440, gpu=True),


# Gather the results of all folds of a model in one tidy table.
use rule job as stability_scores with:
    input:
        unpack(inputs_by(dag.stability_scores_inputs)),
    output:
        table=paths.STABILITY_SCORES,
    localrule: True
    resources:
        **asks(4000, 30),


# What the distances between maps do when a spot moves, and under noise.
use rule job as map_distances with:
    output:
        table=paths.MAP_DISTANCES,
    resources:
        **asks(2000, 30),
