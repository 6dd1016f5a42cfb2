"""ResNet18 of free width: its size is that of torchvision's but for the stem and shortcuts."""

import pytest
import torch
import torchvision

from sparks.errors import SparksError
from sparks.models import Classifier, ResNet18, seeded


@pytest.mark.parametrize(("size", "last"), [(28, 4), (32, 4), (64, 8)])
def test_last_feature_maps_are_an_eighth_and_non_negative(size: int, last: int) -> None:
    net = ResNet18(1, 10, filters=4).eval()
    features = net.stages(net.stem(torch.rand(2, 1, size, size)))
    assert features.shape == (2, 32, last, last)
    assert features.min() >= 0
    assert net(torch.rand(2, 1, size, size)).shape == (2, 10)


def test_with_64_filters_the_blocks_are_those_of_torchvision() -> None:
    ours, theirs = ResNet18(3, 10, filters=64), torchvision.models.resnet18(num_classes=10)

    def kernels(stages: list[torch.nn.Module]) -> list[list[tuple[int, ...]]]:
        return [sorted(tuple(p.shape) for p in s.parameters() if p.ndim == 4) for s in stages]

    names = ("layer1", "layer2", "layer3", "layer4")
    assert kernels(list(ours.stages)) == kernels([getattr(theirs, name) for name in names])
    assert ours.head.weight.shape == theirs.fc.weight.shape


def test_dropout_acts_in_training_alone() -> None:
    with seeded(0):
        net = ResNet18(1, 3, filters=2, dropout=0.5)
    x = torch.rand(4, 1, 8, 8)
    net.eval()
    assert torch.equal(net(x), net(x))
    net.dropout.train()
    assert not torch.equal(net(x), net(x))


def test_it_splits_at_its_last_stage() -> None:
    with seeded(0):
        model = Classifier(ResNet18(3, 5, filters=2)).eval()
    x = torch.rand(2, 3, 16, 16)
    g, h = model.split("stages.3")
    assert torch.allclose(h(g(x)), model(x), atol=1e-6)


@pytest.mark.parametrize("bad", [{"filters": 0}, {"dropout": 1.0}])
def test_impossible_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(SparksError, match="use at least 1, and a share"):
        ResNet18(3, 10, **bad)
