"""Tests on a real GPU, against the CPU. They are skipped where there is none.

`make gpu-check` runs them. `SPARKS_GPU_TESTS=cpu` rehearses them without a GPU: the CPU against
itself.
"""

import os

import pytest
import torch

from sparks.models import Classifier, ConvNet, seeded


@pytest.fixture(scope="session")
def device():
    name = os.environ.get("SPARKS_GPU_TESTS", "cuda")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU here")
    return torch.device(name)


@pytest.fixture(scope="session")
def network():
    """Make equal networks for images (3, 32, 32) of 4 classes, with statistics as after training.

    Returns a function, as each test moves its own network.
    """

    def make():
        with seeded(0):
            model = Classifier(ConvNet(3, 4, 32, widths=(8, 16))).train()
        with torch.no_grad():
            for seed in range(5):
                generator = torch.Generator().manual_seed(seed)
                model(torch.rand(32, 3, 32, 32, generator=generator))
        return model.eval()

    return make


@pytest.fixture(scope="session")
def images():
    """24 smooth images (3, 32, 32) in [0, 1]."""
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand(24, 3, 5, 5, generator=generator)
    return torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")


@pytest.fixture(scope="session")
def target():
    return torch.arange(24) % 4
