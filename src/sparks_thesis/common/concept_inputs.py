"""Inputs of the studies of concepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sparks.concepts.banks import ConceptSource
from sparks.concepts.classes import Classified
from sparks.models.classifier import Classifier


class ConceptInputs(NamedTuple):
    """A model, images and the concepts that a study measures.

    Attributes:
        model: in evaluation mode.
        layers: names, from input to output.
        train: images that concepts were fitted on.
        test: images that they are judged on.
        source: gives the concepts.
    """

    model: Classifier
    layers: Sequence[str]
    train: Classified
    test: Classified
    source: ConceptSource
