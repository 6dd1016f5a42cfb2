"""Draw one figure from the artifacts it reads, with its caption."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import dag
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from sparks_thesis.common.style import Drawing

CONFIG_KEYS = ("item", "scale.name", "methods", "notes")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the figure as PDF and PNG."""
    from sparks_thesis.common.style import save
    from sparks_thesis.pipeline.outputs import draw, write_caption

    drawing: Drawing = draw(cfg, inputs)
    for suffix in ("pdf", "png"):
        save(drawing.figure, outputs[suffix], cfg.origin())
    write_caption(outputs["caption"], drawing.caption)


if __name__ == "__main__":
    main(run, CONFIG_KEYS, **dag.ITEM, snakemake=globals().get("snakemake"))
