"""Draw one figure from the artifacts it reads, with its caption."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import dag
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparks_thesis.common.style import Drawing

CONFIG_KEYS = ("item", "scale.name", "methods", "notes")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the figure as PDF and PNG."""
    from sparks_thesis.common.methods import using
    from sparks_thesis.common.style import save
    from sparks_thesis.pipeline.factories import build
    from sparks_thesis.pipeline.outputs import about_data, load, write_caption

    draw: Callable[..., Drawing] = build(cfg["item"]["draw"])
    with using(cfg["methods"]):
        loaded = {kind: load(kind, files) for kind, files in inputs.items()}
        drawing = draw(**loaded)
    for suffix in ("pdf", "png"):
        save(drawing.figure, outputs[suffix], cfg.origin())
    notes = about_data(cfg["notes"], loaded)
    write_caption(outputs["caption"], f"{drawing.caption}{notes} Scale: {cfg['scale.name']}.")


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: dag.item_inputs(config, names["item"]),
        outputs=lambda config, names: dag.item_outputs(config, names["item"]),
        snakemake=globals().get("snakemake"),
    )
