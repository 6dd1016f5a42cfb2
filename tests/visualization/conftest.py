"""A small model with the batch statistics of its images, and what the images have in common."""

import pytest
import torch
from torch.nn import functional

from sparks.concepts import Layer
from sparks.models import Classifier, ConvNet, seeded
from sparks.visualization import image_statistics


@pytest.fixture(scope="session")
def images():
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand(40, 3, 5, 5, generator=generator)
    fine = torch.rand(40, 3, 16, 16, generator=generator)
    return 0.8 * functional.interpolate(coarse, (16, 16), mode="bilinear") + 0.2 * fine


@pytest.fixture(scope="session")
def model(images):
    with seeded(0):
        net = ConvNet(3, 4, 16, widths=(6, 12))
    classifier = Classifier(net).train()
    with torch.no_grad():
        for _ in range(20):
            classifier(images)
    return classifier.eval()


@pytest.fixture(scope="session")
def layer(model, images):
    return Layer(model, "stages.1", images[:1])


@pytest.fixture(scope="session")
def statistics(images):
    return image_statistics(lambda: iter(images.split(16)))
