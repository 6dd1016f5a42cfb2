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
    size = _classes_of_a_job(config)
    key = f"studies.{study}.{'surveyor' if study == 'lens' else 'study'}.most"
    most = part(config, [key], dataset=names["dataset"])[key]
    classes = config.datasets[names["dataset"]].num_classes
    place = {
        "craft": paths.CRAFT_SHARD, "holistic": paths.HOLISTIC_SHARD, "lens": paths.LENS_SHARD,
    }[study]  # fmt: skip
    known = {key: names[key] for key in ("dataset", "model", "seed")}
    numbers = shard_numbers(min(classes, most or classes), size)
    return [place.format(**known, shard=shard) for shard in numbers]


def _classes_of_a_job(config: DictConfig) -> int:
    if config.concepts.shard is None:
        raise SparksError("concepts.shard is null: one job takes all classes")
    return int(config.concepts.shard)


def shard_numbers(n: int, size: int) -> range:
    """Number the shards of `size` that n of something are split into."""
    return range(-(-n // size))


def concept_layers_of(config: DictConfig, study: str, names: Mapping[str, str]) -> list[str]:
    """List the layers at which a study reads a model's concepts, from input to output.

    Raises:
        SparksError: when there is none.
    """
    key = f"studies.{study}.layers"
    keys = ["model.concept_layer", *([key] if OmegaConf.select(config, key) is not None else [])]
    found = part(config, keys, dataset=names["dataset"], model=names["model"])
    own = found.get(key, {}).get(names["model"])
    known = {names["model"]: [own] if isinstance(own, str) else own} if own else {}
    return concept_layers(known, names["model"], found["model.concept_layer"])


def concept_tables(config: DictConfig, study: str, names: Mapping[str, str]) -> list[str]:
    """Name the concepts that a study reads, a table for each layer; the banks lie beside it."""
    key = f"studies.{study}.bank"
    bank = part(config, [key], dataset=names["dataset"])[key]
    run = {name: names[name] for name in ("dataset", "model", "seed")}
    layers = concept_layers_of(config, study, names)
    return [paths.CONCEPTS.format(bank=bank, **run, layer=layer) for layer in layers]


def concept_shards(config: DictConfig, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Name what the shards of the classes gave at one layer; the banks lie beside each table.

    Raises:
        SparksError: when classes are not split.
    """
    size = _classes_of_a_job(config)
    number = config.datasets[names["dataset"]].num_classes
    run = {name: names[name] for name in ("bank", "dataset", "model", "seed", "layer")}
    shards = shard_numbers(number, size)
    return {"tables": [paths.CONCEPTS_SHARD.format(**run, shard=shard) for shard in shards]}


def shards_of_atlas(config: DictConfig, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Name what the shards of Lens's survey gave, and the concepts that were surveyed."""
    return {
        "tables": shards_of_classes(config, "lens", names),
        "concepts": concept_tables(config, "lens", names),
    }


def study_of_concepts(study: str) -> Callable[[DictConfig, Mapping[str, str]], dict[str, Any]]:
    """Return what names the inputs of a study that reads concepts."""

    def inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
        run = {name: names[name] for name in ("dataset", "model", "seed")}
        given = {kind: template.format(**run) for kind, template in paths.CLASSIFIED.items()}
        return {**given, "concepts": concept_tables(config, study, names)}

    return inputs
