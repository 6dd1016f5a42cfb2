"""Artifacts of most jobs: a network, the images to explain, a table of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from sparks.io import save_table
from sparks_thesis.pipeline.factories import (
    build,
    build_as,
    build_methods,
    explained,
    run_names,
    trained,
)

if TYPE_CHECKING:
    from torch import Tensor

    from sparks.data import ImageSet
    from sparks.models import Classifier
    from sparks.results import MetricRecorder
    from sparks_thesis.pipeline.job import Config, Paths

T = TypeVar("T")


def build_study(kind: type[T], settings: Mapping[str, Any], **more: Any) -> T:
    """Build a study from its settings, those that it has a field for, and from what a job adds.

    What a setting names by `_target_` is built, and settings within settings where their field is
    a dataclass. The field `methods` holds the attribution methods that `settings` lists as
    `explainers`.

    Args:
        kind: a dataclass.
        settings: its part of the configuration.
        more: other fields, or the same ones built otherwise.

    Raises:
        SparksError: when something cannot be built, or is not of the class of its field.
    """
    hints: dict[str, Any] = get_type_hints(kind)
    for name, hint in hints.items():
        if name in more:
            continue
        if name == "methods":
            more[name] = build_methods(settings["explainers"])
        elif name in settings:
            more[name] = _built(hint, settings[name])
    return kind(**more)


def _built(hint: Any, setting: Any) -> Any:
    """Build what a setting names for a field of a type."""
    if not isinstance(setting, Mapping):
        return setting
    if not isinstance(hint, type) or not is_dataclass(hint):
        return build(setting)
    kind: type[Any] = hint
    return build_as(kind, setting) if "_target_" in setting else build_study(kind, setting)


def settings_below(cfg: Config, prefix: str) -> dict[str, Any]:
    """Return a job's settings whose keys begin with a prefix, without it."""
    start = f"{prefix}."
    return {key.removeprefix(start): cfg[key] for key in cfg.parts if key.startswith(start)}


def load_model(cfg: Config, inputs: Paths) -> Classifier:
    """Build a job's network with its trained weights, ready to predict."""
    return trained(cfg["model.classifier"], inputs["weights"], cfg["device"])


def load_explained(
    cfg: Config, inputs: Paths, images: int | None = None
) -> tuple[Classifier, Tensor, Tensor]:
    """Read a job's network, the images to explain, and the class to explain of each.

    Args:
        cfg: of the job.
        inputs: its files: `weights` and `images`.
        images: how many, the first ones; None for all.

    Returns:
        The network; images (N, C, H, W) in [0, 1]; classes, int64 (N,).
    """
    model = load_model(cfg, inputs)
    x, target = explained(inputs["images"], model, cfg["explain.target"])
    return model, x[:images], target[:images]


def load_splits(paths: Iterable[str]) -> dict[str, ImageSet]:
    """Read image sets; each is named as its file."""
    from sparks.data import ImageSet

    return {Path(path).stem: ImageSet.load(path) for path in paths}


def write_results(cfg: Config, path: str, numbers: MetricRecorder, **names: Any) -> None:
    """Write a table of results with the names of the job's network, and its provenance.

    Args:
        cfg: of the job.
        path: of the table.
        numbers: its rows.
        names: column → content of all rows, besides data set, model and seed.
    """
    table = numbers.table(**(run_names(cfg.wildcards) | names))
    save_table(path, table, cfg.provenance())
