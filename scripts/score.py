"""Score the maps of one method by one family of metrics."""

from typing import Any

from harness import places
from harness.job import Config, Paths, main

PARTS = ("model.classifier", "attribution", "metric", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write every metric of the family for every image."""
    from harness.loading import build, build_method, tidy, trained
    from sparks.artifacts import load_tensors, save_table
    from sparks.data import ImageSet

    family = cfg["metric"]
    images = ImageSet.load(inputs["images"])
    chosen = range(min(len(images), family["images"] or len(images)))
    explanation = load_tensors(inputs["maps"], ["maps", "target"])
    explanation = {name: tensor[: len(chosen)] for name, tensor in explanation.items()}
    model = None
    if family["needs_model"]:
        model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    call = {"model": model, "x": images.batch(chosen), **explanation}
    if family["needs_truth"]:
        call["truth"] = images.subset(chosen).diagnostic()
    if family["needs_method"]:
        call["method"] = build_method(cfg["attribution"])
    values: dict[str, Any] = {}
    for metric in family["metrics"].values():
        values |= build(metric)(**call)
    names = {**cfg.wildcards, "method": cfg["attribution"]["label"]}
    save_table(outputs["table"], tidy(names, values), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"images": places.EXPLAINED, "weights": places.WEIGHTS, "maps": places.MAPS},
        outputs={"table": places.SCORES},
        snakemake=globals().get("snakemake"),
    )
