import pytest
import torch

from sparks.data import Digits
from sparks.lipschitz import SoftHKR
from sparks.models import Classifier, seeded
from sparks.models.lipschitz import LipschitzConvNet, lipschitz_mlp
from sparks.training import Settings, fit


@pytest.fixture(scope="session")
def digits():
    return Digits(size=8)()


def trained(digits, kind, constrained):
    with seeded(0):
        if kind == "conv":
            net = LipschitzConvNet(1, 10, 8, (8, 8), (16,), constrained)
        else:
            net = lipschitz_mlp(1, 10, 8, (16,), constrained)
    model = Classifier(net, 1)
    settings = Settings(epochs=1, batch_size=64, lr=0.01, weight_decay=0, precision="fp32")
    loss = SoftHKR(5 / 6, 0.5, 10.0) if constrained else None
    fit(model, digits["train"], None, settings, 0, "cpu", loss=loss)
    return model.eval()


@pytest.fixture(scope="session")
def networks(digits):
    """(kind, constrained) → a network trained for one epoch."""
    return {(k, c): trained(digits, k, c) for k in ("conv", "dense") for c in (True, False)}


@pytest.fixture(scope="session")
def images(digits):
    return digits["test"].batch(torch.arange(12))
