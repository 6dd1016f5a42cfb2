"""The page docs/catalogue.md: every figure and table, what it stands for, and how to make it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING
from unittest.mock import patch

from sparks_thesis.pipeline import grid, paths
from sparks_thesis.pipeline.compose import ABSENT, compose
from sparks_thesis.pipeline.paths import CONFIG, ROOT

if TYPE_CHECKING:
    from omegaconf import DictConfig

PAGE = ROOT / "docs" / "catalogue.md"
CHAPTERS = {
    "1 Where": "Where: attribution",
    "2 Align": "Align: with people, and by 1-Lipschitz networks",
    "3 What": "What: concepts and pictures of features",
    "Beyond": "Beyond the thesis",
    "The whole": "The whole",
}
_HEAD = """\
# Figures and tables

Made by `make docs` from `config/item` and `config/experiment`. The papers' keys are those of
`config/published/README.md`; where no figure or table is named, the item stands for claims of the
paper. Data sets and their networks are those of scale `laptop`.
"""


def page() -> str:
    """Return the page in Markdown, the same whatever data lie on this disk."""
    every = ",".join(sorted(file.stem for file in (CONFIG / "experiment").glob("*.yaml")))
    with patch.dict(os.environ, {ABSENT: ""}):  # every optional data set is there
        config = compose([f"experiment=[{every}]"])
    with patch.dict(os.environ, {ABSENT: ",".join([*config.datasets, *config.texts])}):
        optional = list(compose([f"experiment=[{every}]"]).left_out)
        usual = set(compose([]).experiments)
    items = sorted(config["items"].values(), key=lambda item: (item.chapter, item.name))
    parts = [_HEAD]
    for chapter, some in groupby(items, lambda item: item.chapter):
        parts.append(f"## {CHAPTERS[chapter]}\n\n{_table(config, optional, usual, list(some))}")
    return "\n".join(parts)


def _table(
    config: DictConfig, optional: Sequence[str], usual: set[str], items: Sequence[DictConfig]
) -> str:
    """Return the table of some items, with their experiment in a command where it is unusual."""
    lines = ["| item | shows | stands for | data (networks) | command |", "| --- " * 5 + "|"]
    for item in items:
        pattern, suffix = (paths.FIGURE, "png") if item.kind == "figure" else (paths.TABLE, "csv")
        command = f"./sparks snakemake --cores all {pattern.format(item=item.name, suffix=suffix)}"
        if item.experiments != "all" and not usual.intersection(item.experiments):
            command += f" --config experiment={item.experiments[0]}"
        data = "all" if item.experiments == "all" else _data(config, optional, item.experiments)
        cells = [f"`{item.name}`", item.title, item.paper, data, f"`{command}`"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _data(config: DictConfig, optional: Sequence[str], experiments: Sequence[str]) -> str:
    """Name the data sets of some experiments, and the networks on each."""
    networks: dict[str, dict[str, None]] = {}
    for name in experiments:
        for run in grid.runs(config, name):
            networks.setdefault(run.dataset, {})[run.model] = None
        for text in config.experiments[name].texts:
            networks.setdefault(text, {})
    return "; ".join(
        dataset
        + (" if downloaded" if dataset in optional else "")
        + (f" ({', '.join(models)})" if models else "")
        for dataset, models in networks.items()
    )


if __name__ == "__main__":
    PAGE.write_text(page())
