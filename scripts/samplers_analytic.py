"""Estimate total indices of functions that have known ones, by every sequence and estimator."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.functions", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the deviations from the true indices.

    `dataset` is the function, `method` the sequence.
    """
    from sparks.io import save_table
    from sparks.progress import progress
    from sparks.results import MetricRecorder
    from sparks.sensitivity.accuracy import FUNCTIONS, SAMPLERS, deviations, estimates

    settings = cfg["studies.functions"]
    recorder = MetricRecorder()
    for name, function in progress(FUNCTIONS.items(), unit="function", total=len(FUNCTIONS)):
        _, true = function.indices()
        for sampler in SAMPLERS:
            for points in settings["points"]:
                found = estimates(function, sampler, points, settings["repeats"], cfg["seed"])
                for estimator, total in found.items():
                    names = {"dataset": name, "method": sampler.label, "estimator": estimator}
                    for metric, values in deviations(total, true.double()).items():
                        repeat = range(len(values))
                        recorder.add({metric: values}, points=points, repeat=repeat, **names)
    save_table(outputs["table"], recorder.table(seed=cfg["seed"]), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"table": paths.SAMPLERS_ANALYTIC},
        snakemake=globals().get("snakemake"),
    )
