"""Make one table from the artifacts it reads, with its caption."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import dag
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparks_thesis.common.table import Table

CONFIG_KEYS = ("item", "scale.name", "methods", "notes")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the table as CSV, Markdown, LaTeX and HTML."""
    from dataclasses import replace

    from sparks.io import write_text
    from sparks_thesis.common.methods import using
    from sparks_thesis.pipeline.factories import build
    from sparks_thesis.pipeline.outputs import about_data, load, write_caption

    make: Callable[..., Table] = build(cfg["item"]["draw"])
    with using(cfg["methods"]):
        loaded = {kind: load(kind, files) for kind, files in inputs.items()}
        table = make(**loaded)
    notes = about_data(cfg["notes"], loaded)
    table = replace(table, caption=f"{table.caption}{notes} Scale: {cfg['scale.name']}.")
    write_text(outputs["csv"], table.csv(cfg.origin()))
    write_text(outputs["md"], table.markdown())
    write_text(outputs["tex"], table.latex(cfg["item"]["name"]))
    write_text(outputs["html"], table.html(cfg["item"]["title"]))
    write_caption(outputs["caption"], table.caption)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: dag.item_inputs(config, names["item"]),
        outputs=lambda config, names: dag.item_outputs(config, names["item"]),
        snakemake=globals().get("snakemake"),
    )
