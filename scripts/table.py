"""Make one table from the artifacts it reads, with its caption."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import dag
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from sparks_thesis.common.table import Table

CONFIG_KEYS = ("item", "scale.name", "methods", "notes")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the table as CSV, Markdown, LaTeX and HTML."""
    from sparks.io import write_text
    from sparks_thesis.pipeline.outputs import draw, write_caption

    table: Table = draw(cfg, inputs)
    write_text(outputs["csv"], table.csv(cfg.origin()))
    write_text(outputs["md"], table.markdown())
    write_text(outputs["tex"], table.latex(cfg["item"]["name"]))
    write_text(outputs["html"], table.html(cfg["item"]["title"]))
    write_caption(outputs["caption"], table.caption)


if __name__ == "__main__":
    main(run, CONFIG_KEYS, **dag.ITEM, snakemake=globals().get("snakemake"))
