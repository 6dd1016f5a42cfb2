"""Classes as the jobs of concepts and Lens take them: all of a model, or those of a shard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparks_thesis.pipeline.sources import module_file

if TYPE_CHECKING:
    from sparks.concepts.banks import Banks, StoredConcepts
    from sparks.concepts.classes import Classified
    from sparks_thesis.common.concept_inputs import ConceptInputs
    from sparks_thesis.pipeline.job import Config


def classified(inputs: Mapping[str, Any], split: str) -> Classified:
    """Read the images of a split, and the class that a model gives each of them."""
    from sparks.concepts.classes import Classified
    from sparks.data import ImageSet
    from sparks.io import load_tensors

    predicted = load_tensors(inputs["predicted"], [split])[split]
    return Classified(ImageSet.load(inputs[split]), predicted)


def concept_inputs(
    cfg: Config, inputs: Mapping[str, Any], layers: Mapping[str, Any]
) -> ConceptInputs:
    """Read what a study of concepts measures.

    Args:
        cfg: with the keys model.classifier, model.name and model.concept_layer.
        inputs: files, as `concept_files.study_of_concepts` names them.
        layers: model → layers that the study's settings name.
    """
    from sparks_thesis.common.concept_inputs import ConceptInputs
    from sparks_thesis.pipeline.artifacts import load_model
    from sparks_thesis.pipeline.factories import concept_layers

    return ConceptInputs(
        load_model(cfg, inputs),
        concept_layers(layers, cfg["model.name"], cfg["model.concept_layer"]),
        classified(inputs, "train"),
        classified(inputs, "test"),
        stored_concepts(inputs["concepts"]),
    )


def banks_beside(table: str | Path) -> Banks:
    """Return the banks of concepts that lie beside their table, `paths.CONCEPTS`.

    Where their dictionaries are the user's own, the modules that define these are imported.
    """
    from importlib import import_module

    from sparks.concepts.banks import Banks
    from sparks.io import load_table

    for kind in load_table(table)["kind"].unique():
        module = kind.rpartition(".")[0]
        if module_file(module):
            import_module(module)
    return Banks.beside(table)


def stored_concepts(tables: Iterable[str], signed: bool = False) -> StoredConcepts:
    """Return the concepts of a network that lie beside their tables, one for each layer.

    Args:
        tables: `paths.CONCEPTS`.
        signed: whether those of activations below zero are taken; else they are refused.
    """
    from sparks.concepts.banks import StoredConcepts

    return StoredConcepts({Path(path).stem: banks_beside(path) for path in tables}, signed)


def classes_of_shard(size: int | None, shard: str | None) -> slice:
    """Return the classes of a job, as a slice of those that are measured."""
    if size is None or shard is None:
        return slice(0, None)
    return slice(int(shard) * size, (int(shard) + 1) * size)
