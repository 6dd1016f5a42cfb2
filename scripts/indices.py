"""Estimate first- and total-order Sobol indices of every cell from one design."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "attributions.sobol", "explain.target", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write both indices of every image and cell (`cell`)."""
    from sparks.attribution import Sobol
    from sparks_thesis.pipeline.artifacts import load_explained, write_results
    from sparks_thesis.pipeline.factories import build_method, of_kind
    from sparks_thesis.sobol.study_indices import both_orders

    settings = cfg["attributions.sobol"]
    method = of_kind(Sobol, build_method(settings))
    numbers = both_orders(method, *load_explained(cfg, inputs), cfg["seed"])
    write_results(cfg, outputs["table"], numbers, method=settings["label"])


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.INDICES},
        snakemake=globals().get("snakemake"),
    )
