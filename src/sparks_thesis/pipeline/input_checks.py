"""Check, before any job starts, that the files which a run reads exist or can be fetched.

Rules say which they need while Snakemake plans (`start`), so that a run which needs none of
them asks for none. It takes a process of its own, which imports PyTorch, and is done only where an
artifact made from the files is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.checks import Unit, can_try, try_elsewhere
from sparks_thesis.pipeline.compose import FOLDER
from sparks_thesis.pipeline.downloads import opening, published_weights, publisher, used
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.pipeline.selection import part


class Needed(NamedTuple):
    """Something that is read from files: an option of the group dataset, text or model."""

    group: str
    name: str


def problems(config: DictConfig, needed: Iterable[Needed], network: bool) -> list[str]:
    """Say what is missing, damaged or cannot be fetched: a line each.

    Args:
        config: a composed configuration.
        needed: what is read.
        network: whether servers are asked if they answer, where something is to be fetched.
    """
    units = [unit for each in dict.fromkeys(needed) for unit in _units(config, each, network)]
    if not units or not can_try():
        return []
    refusals, failure = try_elsewhere(units)
    return refusals or ([f"files could not be looked for ({failure})"] if failure else [])


def of_experiments(config: DictConfig) -> list[Needed]:
    """List what the chosen experiments read whose artifacts are not there."""
    datasets, models, texts = used(config)
    read = [Needed("dataset", d) for d in datasets if _lacks(paths.TRAIN.format(dataset=d))]
    read += [Needed("text", text) for text in texts]
    notes = {model: published_weights(config, model) for model in models}
    return read + [Needed("model", m) for m, made in notes.items() if made and _lacks(made[0])]


def _lacks(path: str) -> bool:
    return not Path(path).is_file()


def _units(config: DictConfig, needed: Needed, network: bool) -> list[Unit]:
    group, name = needed
    content: dict[str, Any]
    if group == "model":
        net = part(config, ["model.classifier"], model=name)["model.classifier"]["net"]
        note = paths.DOWNLOADED_WEIGHTS.format(model=name)
        content = {"settings": net, "library": publisher(net), "fetch": _lacks(note)}
    else:
        key = f"{group}.builder"
        builder = part(config, [key], **{group: name})[key]
        if "root" not in builder:
            return []  # it reads no files
        fetched = bool(config[f"{group}s"][name].get("download"))
        fetch = fetched and _lacks(paths.DOWNLOAD.format(dataset=name))
        content = {"settings": builder, "library": None, "fetch": fetch}
        if builder["_target_"] == FOLDER:  # which knows no source of its own
            content["about"] = opening(CONFIG / group / f"{name}.yaml")
    return [Unit(f"{group}s.{name}", "files", content | {"network": network})]
