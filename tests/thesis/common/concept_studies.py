"""What the studies of concepts are tested on: a small network, its images, and their concepts."""

import pandas as pd
import pytest
import torch
from concepts.conftest import images, model

from sparks.concepts import NMF, Extractor, Layer, RandomCrops
from sparks.concepts.banks import Banks, StoredConcepts
from sparks.concepts.classes import Classified
from sparks.data import ImageSet
from sparks_thesis.common.concept_inputs import ConceptInputs

__all__ = ["given", "images", "inputs", "model", "sets", "source", "stored"]

LAYERS = ("stages.0", "stages.1")
EXTRACTOR = Extractor(dictionary=NMF(concepts=3), crops=RandomCrops(number=4))
# Of the classes that have concepts; there are at most three, so the last part is empty.
PARTS = (slice(0, 1), slice(1, 3), slice(3, 5))


@pytest.fixture(scope="session")
def sets(model, images):
    """The images twice, labelled as the model sees them, but every fifth wrongly."""
    with torch.no_grad():
        labels = model(images).argmax(1)
    labels[::5] = (labels[::5] + 1) % 4
    data = ImageSet(labels, ("a", "b", "c", "d"), (255 * images).round().to(torch.uint8))
    return data, data


@pytest.fixture(scope="session")
def given(model, sets):
    return [Classified.by(model, images) for images in sets]


@pytest.fixture(scope="session")
def source(given):
    return EXTRACTOR.on(given[0])


@pytest.fixture(scope="session")
def inputs(model, given, source):
    return ConceptInputs(model, LAYERS, given[0], given[1], source)


@pytest.fixture(scope="session")
def stored(model, given, tmp_path_factory):
    """The concepts of `source`, written to files and read again."""
    folder = tmp_path_factory.mktemp("concepts")
    for layer in (Layer(model, name, given[0].images.batch([0])) for name in LAYERS):
        Banks.write(folder / layer.name, EXTRACTOR.fit_classes(layer, given[0]))
    return StoredConcepts({name: Banks(folder / name) for name in LAYERS}, signed=False)


def table_of(numbers):
    """Return the results of a study."""
    return numbers.table(dataset="made-up", model="convnet", seed=0)


def joined(tables):
    """Return the rows of all parts."""
    return pd.concat([part for part in tables if len(part)], ignore_index=True)


def wide(table, metric, **known):
    """Return the values of a metric by image, class or part, with a column a method."""
    rows = table[table["metric"] == metric]
    for column, value in known.items():
        rows = rows[rows[column] == value]
    assert len(rows), (metric, known)
    (unit,) = [name for name in ("image", "target", "part") if rows[name].notna().any()][-1:]
    return rows.pivot_table(index=unit, columns="method", values="value")
