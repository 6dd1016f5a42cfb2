"""Let simulated meta-predictors study explained images and predict the model on new ones."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("studies.utility.simulation", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the accuracy of every simulated participant in every session."""
    import pandas as pd

    from harness.loading import build_as, tidy
    from sparks.artifacts import load_tensors, save_table
    from sparks_thesis.utility.proxies import SIMILARITY, similarity
    from sparks_thesis.utility.simulation import Simulation

    kept = load_tensors(inputs["maps"])
    maps = {n.removeprefix("maps/"): kept.pop(n) for n in list(kept) if n.startswith("maps/")}
    simulation, names = build_as(Simulation, cfg["studies.utility.simulation"]), cfg.wildcards
    scenario = simulation.scenario(names["dataset"], maps=maps, **kept)
    tables = [simulation.run(scenario).assign(model=names["model"], seed=int(names["seed"]))]
    for label in maps:
        alike = similarity(scenario.cells, scenario.attention[label], scenario.outputs)
        tables.append(tidy({**names, "method": label}, {SIMILARITY: alike}))
    save_table(outputs["table"], pd.concat(tables, ignore_index=True), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"maps": places.UTILITY_MAPS},
        outputs={"table": places.UTILITY},
        snakemake=globals().get("snakemake"),
    )
