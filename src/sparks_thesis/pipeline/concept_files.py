"""Say which files hold the concepts that studies read, and what was measured of their classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sparks.errors import SparksError
from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.factories import concept_layers
from sparks_thesis.pipeline.selection import part


def shards_of_classes(config: DictConfig, study: str, names: Mapping[str, str]) -> list[str]:
    """Name what the shards of the classes gave: tables of "craft", "holistic" or "lens".

    How many classes a model predicts often enough is known only when it is there: the last shards
    may be empty.

    Raises:
        SparksError: when classes are not split.
    """
    key = f"studies.{study}.{'surveyor' if study == 'lens' else 'study'}.most"
    most = part(config, [key], dataset=names["dataset"])[key]
    place = {
        "craft": paths.CRAFT_SHARD, "holistic": paths.HOLISTIC_SHARD, "lens": paths.LENS_SHARD,
    }[study]  # fmt: skip
    return _of_classes(config, place, names, most)


def _of_classes(
    config: DictConfig, place: str, names: Mapping[str, str], most: int | None = None
) -> list[str]:
    """List the shards of a data set's classes, or of `most` of them."""
    if config.concepts.shard is None:
        raise SparksError("concepts.shard is null: one job takes all classes")
    classes = config.datasets[names["dataset"]].num_classes
    return paths.shards(place, names, min(classes, most or classes), config.concepts.shard)


def named_layers(config: DictConfig, study: str, names: Mapping[str, str]) -> list[str]:
    """List the layers that a study's settings name for a model; none leaves the model's own."""
    key = f"studies.{study}.layers"
    if OmegaConf.select(config, key) is None:
        return []
    known = part(config, [key], dataset=names["dataset"], model=names["model"])[key]
    named = known.get(names["model"], [])
    return [named] if isinstance(named, str) else named


def concept_layers_of(config: DictConfig, study: str, names: Mapping[str, str]) -> list[str]:
    """List the layers at which a study reads a model's concepts, from input to output.

    Raises:
        SparksError: when there is none.
    """
    model, key = names["model"], "model.concept_layer"
    own = part(config, [key], dataset=names["dataset"], model=model)[key]
    return concept_layers({model: named_layers(config, study, names)}, model, own)


def concept_tables(config: DictConfig, study: str, names: Mapping[str, str]) -> list[str]:
    """Name the concepts that a study reads, a table for each layer; the banks lie beside it."""
    key = f"studies.{study}.bank"
    bank = part(config, [key], dataset=names["dataset"])[key]
    layers = concept_layers_of(config, study, names)
    return [paths.fill(paths.CONCEPTS, names, bank=bank, layer=layer) for layer in layers]


def concept_shards(config: DictConfig, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Name what the shards of the classes gave at one layer; the banks lie beside each table.

    Raises:
        SparksError: when classes are not split.
    """
    return {"tables": _of_classes(config, paths.CONCEPTS_SHARD, names)}


def shards_of_atlas(config: DictConfig, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Name what the shards of Lens's survey gave, and the concepts that were surveyed."""
    return {
        "tables": shards_of_classes(config, "lens", names),
        "concepts": concept_tables(config, "lens", names),
    }


def study_of_concepts(
    study: str, **more: str
) -> Callable[[DictConfig, Mapping[str, str]], dict[str, Any]]:
    """Return what names the inputs of a study that reads concepts, and of `more` (templates)."""
    templates = {**paths.CLASSIFIED, **more}

    def inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
        given = {kind: paths.fill(template, names) for kind, template in templates.items()}
        return {**given, "concepts": concept_tables(config, study, names)}

    return inputs
