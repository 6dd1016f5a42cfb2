"""Render one figure or table from the artifacts it reads, with its caption."""

from harness import grid
from harness.job import Config, Paths, main

PARTS = ("item", "scale.name")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Draw the item and write it in every format."""
    from harness.items import load, write_figure, write_table
    from harness.loading import build

    item = cfg["item"]
    draw = build(item["draw"])
    result = draw(**{kind: load(kind, files) for kind, files in inputs.items()})
    scale = f"Scale: {cfg['scale.name']}."
    if item["kind"] == "figure":
        write_figure(result, scale, outputs)
    else:
        write_table(result, item["title"], scale, outputs)


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs=lambda config, names: grid.item_inputs(config, names["item"]),
        outputs=lambda config, names: grid.item_outputs(config, names["item"]),
        snakemake=globals().get("snakemake"),
    )
