"""Let simulated meta-predictors study explained images and predict the model on new ones."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.utility.simulation", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the accuracy of every simulated participant in every session."""
    from sparks.io import load_tensors, save_table
    from sparks.results import as_results
    from sparks_thesis.pipeline.factories import build_as, run_names
    from sparks_thesis.utility.simulation import Simulation

    kept = load_tensors(inputs["maps"])
    maps = {n.removeprefix("maps/"): kept.pop(n) for n in list(kept) if n.startswith("maps/")}
    simulation = build_as(Simulation, cfg["studies.utility.simulation"])
    names = run_names(cfg.wildcards)
    scenario = simulation.scenario(names["dataset"], maps=maps, **kept)
    save_table(outputs["table"], as_results(simulation.run(scenario), **names), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"maps": paths.UTILITY_MAPS},
        outputs={"table": paths.UTILITY},
        snakemake=globals().get("snakemake"),
    )
