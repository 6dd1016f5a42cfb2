"""Explain the chosen images by one method, and count what it cost."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("model.classifier", "attribution", "explain.target", "seed", "device")

# Images between two steps of the progress bar. Fixed: float sums depend on it.
SLICE = 16


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the maps with the classes they explain, and what they cost: passes, time, memory."""
    from time import perf_counter

    import torch

    from harness.loading import build_method, explained, tidy, trained
    from sparks.artifacts import save_table, save_tensors
    from sparks.models.counting import Counting
    from sparks.models.peak import PeakMemory
    from sparks.progress import progress

    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    peak = PeakMemory(next(model.parameters()).device)
    x, target = explained(inputs["images"], model, cfg["explain.target"])
    method = build_method(cfg["attribution"])
    counting = Counting(model)
    # Imports and the search of the batch size happen on the first call: no cost of the method.
    method(model, x[:1], target[:1])
    start = perf_counter()
    slices = zip(torch.split(x, SLICE), torch.split(target, SLICE), strict=True)
    with counting, progress(total=len(x), unit="image", description="explain") as bar:
        maps = []
        for images, classes in slices:
            maps.append(method(model, images, classes).float().cpu())
            bar.update(len(images))
    seconds = perf_counter() - start
    save_tensors(outputs["maps"], {"maps": torch.cat(maps), "target": target}, cfg.provenance())
    each = torch.ones(1, dtype=torch.float64) / len(x)
    cost = {
        "Forwards": each * counting.forwards,
        "Backwards": each * counting.backwards,
        "Seconds": each * seconds,
        "PeakMemory": torch.tensor([peak.megabytes()]),
    }
    names = {**cfg.wildcards, "method": cfg["attribution"]["label"]}
    save_table(outputs["cost"], tidy(names, cost), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"images": places.EXPLAINED, "weights": places.WEIGHTS},
        outputs={"maps": places.MAPS, "cost": places.COST},
        snakemake=globals().get("snakemake"),
    )
