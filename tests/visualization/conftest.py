"""A small trained model, its images, and what they have in common."""

import pytest
import torch
from torch.nn import functional

from sparks.concepts import Layer
from sparks.models import Classifier, ConvNet, seeded
from sparks.visualization import image_statistics


@pytest.fixture(scope="session")
def images():
    """Of four classes in turn: with more red, more green, more blue, or none of them."""
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand(40, 3, 5, 5, generator=generator)
    fine = torch.rand(40, 3, 16, 16, generator=generator)
    x = 0.5 * functional.interpolate(coarse, (16, 16), mode="bilinear") + 0.2 * fine
    for channel in range(3):
        x[channel::4, channel] += 0.3
    return x


@pytest.fixture(scope="session")
def model(images):
    with seeded(0):
        classifier = Classifier(ConvNet(3, 4, 16, widths=(6, 12))).train()
    optimiser = torch.optim.Adam(classifier.parameters(), lr=0.01)
    for _ in range(30):
        optimiser.zero_grad()
        functional.cross_entropy(classifier(images), torch.arange(40) % 4).backward()
        optimiser.step()
    optimiser.zero_grad()
    return classifier.eval()


@pytest.fixture(scope="session")
def layer(model, images):
    return Layer(model, "stages.1", images[:1])


@pytest.fixture(scope="session")
def statistics(images):
    return image_statistics(lambda: iter(images.split(16)))
