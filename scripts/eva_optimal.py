"""Compare EVA's order of the inputs of tiny networks with the best subset of each size."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("studies.eva_optimal", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the overlap through EVA's subset and through the best: `image` numbers the networks."""
    import pandas as pd
    import torch

    from harness.loading import tidy
    from sparks.artifacts import save_table
    from sparks.verification.exact import optimal_subsets, toy

    settings = cfg["studies.eva_optimal"]
    tables = []
    for kind, hidden in (("linear", 0), ("one hidden layer", settings["hidden"])):
        found = []
        for network in range(settings["networks"]):
            seed = cfg["seed"] + network
            generator = torch.Generator().manual_seed(seed)
            x = torch.rand(settings["inputs"], generator=generator, dtype=torch.float64)
            model = toy(seed, settings["inputs"], hidden)
            found.append(optimal_subsets(model, x, settings["epsilon"], settings["cuts"]))
        for k in range(1, settings["inputs"]):
            values = {
                name: torch.tensor([pair[which][k - 1] for pair in found])
                for which, name in enumerate(("SubsetOverlap", "BestOverlap"))
            }
            names = {"dataset": "none", "model": "toy", "method": "EVA", "seed": str(cfg["seed"])}
            tables.append(tidy(names, values, f"size {k}").assign(variant=kind))
    save_table(outputs["table"], pd.concat(tables, ignore_index=True), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={},
        outputs={"table": places.EVA_OPTIMAL},
        snakemake=globals().get("snakemake"),
    )
