"""A small trained-like model and images, for the tests of concepts."""

import pytest
import torch

from sparks.concepts import (
    ICA,
    NMF,
    PCA,
    SAE,
    ConvexNMF,
    Craft,
    Exemplars,
    KMeans,
    Layer,
    Neurons,
    RandomCrops,
    RandomDirections,
    SemiNMF,
)
from sparks.models import Classifier, ConvNet, seeded


@pytest.fixture(scope="session")
def model():
    with seeded(0):
        net = ConvNet(3, 4, 16, widths=(6, 12))
    # Batch statistics as after training: without them all activations are alike.
    classifier = Classifier(net).train()
    with torch.no_grad():
        for seed in range(5):
            generator = torch.Generator().manual_seed(seed)
            classifier(torch.rand(32, 3, 16, 16, generator=generator))
    return classifier.eval()


@pytest.fixture(scope="session")
def images():
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand(24, 3, 4, 4, generator=generator)
    return torch.nn.functional.interpolate(coarse, (16, 16), mode="bilinear")


@pytest.fixture(scope="session")
def layer(model, images):
    return Layer(model, "stages.1", images[:1])


@pytest.fixture(scope="session")
def early(model, images):
    return Layer(model, "stages.0", images[:1])


@pytest.fixture(scope="session")
def craft():
    return Craft(dictionary=NMF(concepts=4), crops=RandomCrops(number=6))


@pytest.fixture(scope="session")
def concepts(craft, layer, images):
    return craft.fit(layer, images)


def every_dictionary(concepts, iterations=50):
    """Return one method of each kind, with so many concepts."""
    return [
        NMF(concepts=concepts),
        SemiNMF(concepts=concepts),
        ConvexNMF(concepts=concepts, iterations=iterations),
        KMeans(concepts=concepts),
        PCA(concepts=concepts),
        ICA(concepts=concepts),
        SAE(concepts=concepts, kind="relu", epochs=8),
        SAE(concepts=concepts, kind="topk", active=2, epochs=8),
        SAE(concepts=concepts, kind="batchtopk", active=2, epochs=8),
        SAE(concepts=concepts, kind="jumprelu", active=2, penalty=1.0, epochs=8),
        SAE(concepts=concepts, kind="gated", epochs=8),
        SAE(concepts=concepts, kind="matryoshka", active=2, epochs=8),
        SAE(concepts=concepts, kind="pursuit", active=2, epochs=8),
        SAE(concepts=concepts, kind="archetypal", active=2, epochs=8),
        Neurons(concepts=concepts),
        Exemplars(concepts=concepts),
        RandomDirections(concepts=concepts),
    ]
