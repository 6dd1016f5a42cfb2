"""Networks trained side by side, against each trained alone by `fit`."""

import pytest
import torch
from torch import nn

from sparks.errors import SparksError
from sparks.lipschitz import SoftHKR
from sparks.models import MLP, Classifier, ConvNet, ViTTiny, seeded
from sparks.models.lipschitz import LipschitzConvNet
from sparks.training import Settings, fit, fit_together, together, why_apart
from sparks.training.step import build_optimizer

SETTINGS = Settings(epochs=3, batch_size=16, precision="fp32", validation=0.0)
SEEDS = [11, 12, 13]
NETS = {
    "mlp": lambda: MLP(1, 3, 8, (16,)),
    "convnet": lambda: ConvNet(1, 3, 8, (4, 8)),
    "twin": lambda: LipschitzConvNet(1, 3, 8, (4, 8), (8,), constrained=False),
    "vit": lambda: ViTTiny(1, 3, 8, dim=8, depth=1, heads=2),
}


def networks(net="convnet", seeds=SEEDS):
    def one(seed):
        with seeded(seed):
            return Classifier(NETS[net](), 1)

    return [one(seed) for seed in seeds]


def thirds(data):
    return [data.subset((torch.arange(len(data)) % 3 != k).nonzero().flatten()) for k in range(3)]


def weights(models):
    return [{k: v.clone() for k, v in model.state_dict().items()} for model in models]


def identical(first, second):
    return all(torch.equal(a[k], b[k]) for a, b in zip(first, second, strict=True) for k in a)


@pytest.mark.parametrize(
    "changes",
    [
        {"flip": True, "shift": 2, "weight_decay": 0.5},
        {"optimizer": "sgd", "lr": 0.05, "weight_decay": 0.1, "label_smoothing": 0.2},
        {"optimizer": "sgd", "lr": 0.05, "nesterov": False, "schedule": "cosine"},
    ],
)
@pytest.mark.parametrize("net", NETS)
def test_each_network_ends_as_it_does_alone(blobs, net, changes):
    """In double precision, so that an error of method is not taken for one of rounding."""
    settings = Settings(**(vars(SETTINGS) | changes))
    side_by_side, alone = ([m.double() for m in networks(net)] for _ in range(2))
    trains = [Double(train) for train in thirds(blobs)]
    histories = fit_together(side_by_side, trains, settings, SEEDS, "cpu")
    for model, train, seed, other, history in zip(
        alone, trains, SEEDS, side_by_side, histories, strict=True
    ):
        expected = fit(model, train, None, settings, seed, "cpu")
        losses = [[epoch["loss"] for epoch in h.epochs] for h in (history, expected)]
        # The loop computes losses in float32, whose rounding is all that differs.
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)
        assert (history.kept, history.stopped_early) == (expected.kept, False)
        for name, value in model.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], value, rtol=1e-4, atol=1e-5)


class Double:
    """Images of double precision."""

    def __init__(self, images):
        self.images = images

    def __getattr__(self, name):
        return getattr(self.images, name)

    def __len__(self):
        return len(self.images)

    def batch(self, indices):
        return self.images.batch(indices).double()
