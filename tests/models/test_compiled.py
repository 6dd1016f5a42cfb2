"""Compiled passes: what is compiled, what is not, and what is said where that fails.

PyTorch's own compiler runs in `tests/gpu`; here something stands for it.
"""

import pytest
import torch

from sparks.attribution import RISE
from sparks.engine import Engine, Grid
from sparks.errors import SparksError
from sparks.models import Classifier, ConvNet, seeded
from sparks.models.compiled import compiled, recorded


@pytest.fixture
def model():
    with seeded(0):
        return Classifier(ConvNet(3, 4, 16, (4, 6)), 3).eval()


@pytest.fixture
def sizes(monkeypatch):
    """Sizes of the batches that the compiled network was given."""
    found = []

    def stand_in(net, **settings):
        assert settings == {"dynamic": False}

        def passes(x):
            found.append(len(x))
            return net(x)

        return passes

    monkeypatch.setattr(torch, "compile", stand_in)
    return found


def test_full_batches_alone_are_compiled(model, sizes):
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    masks = torch.rand(25, 16, generator=torch.Generator().manual_seed(2))
    call = (model, x, torch.tensor([0, 1]), masks, Grid((4, 4), (16, 16)))
    found = Engine(16, compiled=True).score(*call)
    assert sizes == [16, 16, 16]  # 50 masked images
    torch.testing.assert_close(found, Engine(16).score(*call))


def test_a_network_with_hooks_is_called_itself(model, sizes):
    seen = []
    model.net.stages[0].register_forward_hook(lambda *_: seen.append(1))
    with compiled(model, 2), torch.no_grad():
        model(torch.rand(2, 3, 16, 16))
    assert (sizes, seen) == ([], [1])


def test_a_machine_without_a_compiler_says_so(model, monkeypatch):
    def broken(net, **settings):
        def passes(x):
            raise RuntimeError("Failed to find C compiler.\nSet TORCHDYNAMO_VERBOSE=1 for more")

        return passes

    monkeypatch.setattr(torch, "compile", broken)
    x, method = torch.rand(1, 3, 16, 16), RISE(masks=64, engine=Engine(64, compiled=True))
    with pytest.raises(SparksError, match=r"ConvNet cannot be compiled here \(Failed to find C co"):
        method(model, x, torch.tensor([0]))


def test_a_size_is_needed():
    with pytest.raises(SparksError, match="batch_size to compile for"):
        Engine("auto", compiled=True)


def test_without_a_gpu_nothing_is_recorded(model):
    assert recorded(model, torch.rand(2, 3, 16, 16), "fp32") is model
