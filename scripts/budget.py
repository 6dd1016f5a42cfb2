"""Explain some images by each black-box method at several budgets of forward passes."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.budget", "explain.target", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the scores of every method, budget and image, and the seconds each explanation took."""
    from sparks_thesis.pipeline.artifacts import build_study, load_explained, write_results
    from sparks_thesis.sobol.study_budget import BudgetStudy

    study = build_study(BudgetStudy, cfg["studies.budget"])
    scores, costs = study.run(*load_explained(cfg, inputs, study.images))
    write_results(cfg, outputs["table"], scores)
    write_results(cfg, outputs["cost"], costs)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.BUDGET, "cost": paths.BUDGET_COST},
        snakemake=globals().get("snakemake"),
    )
