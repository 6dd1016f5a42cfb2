"""Data and weights that chosen experiments need: downloads, and files that the user provides."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sparks.checks import is_path
from sparks_thesis.pipeline import grid, paths
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.pipeline.selection import part


def notes(config: DictConfig) -> list[str]:
    """List the notes of all that the chosen experiments need and a program may fetch."""
    datasets, models, _ = used(config)
    left = [name for name, experiments in config.left_out.items() if experiments]
    datasets += [name for name in left if name in config.datasets]
    data = [paths.DOWNLOAD.format(dataset=d) for d in datasets if config.datasets[d].download]
    return data + [note for model in models for note in published_weights(config, model)]


def left_out(config: DictConfig) -> list[str]:
    """Say, a line each, which optional data sets are not on disk, and how to get them."""
    return [
        _left_out(config, name, experiments)
        for name, experiments in config.left_out.items()
        if experiments
    ]


def _left_out(config: DictConfig, name: str, experiments: list[str]) -> str:
    group = "dataset" if name in config.datasets else "text"
    option = config[f"{group}s"][name]
    without = [e for e in experiments if e in config.experiments]
    gone = [e for e in experiments if e not in config.experiments]
    ends = (
        [f"{_and(without)} {'does' if len(without) == 1 else 'do'} without it"] if without else []
    )
    ends += [f"{_and(gone)} {'is' if len(gone) == 1 else 'are'} left out"] if gone else []
    how = opening(CONFIG / group / f"{name}.yaml")
    if option.get("download"):
        how = "./sparks snakemake --cores 1 download"
    return f"{name} is not in {option.folder}, so {_and(ends)}; to get it: {how}"


def _and(names: list[str]) -> str:
    """Join names as in a sentence."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


# Builders of networks by name, which know published weights, by the end of their `_target_`.
PUBLISHERS = {".torchvision_classifier": "torchvision", ".timm_classifier": "timm"}


def publisher(net: Mapping[str, Any]) -> str | None:
    """Return the library that a network's published weights are of; None where it has none."""
    target, weights = str(net.get("_target_")), net.get("weights")
    if not weights or is_path(weights):
        return None
    return next((name for end, name in PUBLISHERS.items() if target.endswith(end)), None)


def published_weights(config: DictConfig, model: str) -> list[str]:
    """Name the note of a model's downloaded weights, where it has published ones."""
    known = publisher(config.models[model].classifier.net)
    return [paths.DOWNLOADED_WEIGHTS.format(model=model)] if known else []


def to_bring(config: DictConfig) -> list[str]:
    """Say what the user must put where: the place, and the first lines of the option's file."""
    datasets, _, texts = used(config)
    lines = []
    for group, names in (("dataset", datasets), ("text", texts)):
        for name in names:
            option = config[f"{group}s"][name]
            if "root" in option.builder and not option.get("download"):
                key = f"{group}.builder.root"
                root = part(config, [key], **{group: name})[key]
                lines.append(f"{root}: {opening(CONFIG / group / f'{name}.yaml')}")
    return lines


def used(config: DictConfig) -> tuple[list[str], list[str], list[str]]:
    """Return the data sets, models and texts of the chosen experiments, each once."""
    pairs = [run for name in config.experiments for run in grid.runs(config, name)]
    chosen = [grid.experiment(config, name) for name in config.experiments]
    texts = [text for one in chosen for text in one["texts"]]
    models = [run.model for run in pairs]
    if any("maco" in one["studies"] for one in chosen):
        models += [
            name.split("/")[0] for run in pairs for name in grid.evaluators_of(config, run.dataset)
        ]
    names = ([run.dataset for run in pairs], models, texts)
    return tuple(list(dict.fromkeys(found)) for found in names)  # type: ignore[return-value]


def opening(file: Path) -> str:
    """Return the comment at the top of a file, as one line."""
    lines = takewhile(lambda line: line.startswith("#"), file.read_text("utf-8").splitlines())
    return " ".join(line.removeprefix("#").strip() for line in lines)
