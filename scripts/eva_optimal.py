"""Compare EVA's order of the inputs of tiny networks with the best subset of each size."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.eva_optimal", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the overlap through EVA's subset and through the best; a repeat is a network."""
    import torch

    from sparks.io import save_table
    from sparks.results import MetricRecorder
    from sparks.verification.exact import optimal_subsets, toy

    settings = cfg["studies.eva_optimal"]
    recorder = MetricRecorder()
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
                name: [float(pair[which][k - 1]) for pair in found]
                for which, name in enumerate(("SubsetOverlap", "BestOverlap"))
            }
            recorder.add(values, architecture=kind, subset=k, repeat=range(len(found)))
    names = {"dataset": "none", "model": "toy", "method": "EVA", "seed": cfg["seed"]}
    save_table(outputs["table"], recorder.table(**names), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"table": paths.EVA_OPTIMAL},
        snakemake=globals().get("snakemake"),
    )
