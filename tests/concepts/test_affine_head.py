"""Logits split into atoms, against networks whose head is known."""

import pytest
import torch
from torch import nn

from sparks.concepts import SAE, AffineHead, Layer
from sparks.errors import SparksError
from sparks.models import ConvNet, seeded


class Pooled(nn.Module):
    """A convolution, a mean over places, and a linear layer."""

    def __init__(self, last):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU())
        self.last, self.head = last, nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.last(self.features(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def layer():
    with seeded(0):
        net = Pooled(nn.Identity()).eval()
    return Layer(net, "features", torch.rand(1, 3, 8, 8)), net


def test_the_head_is_read_from_what_follows_the_layer(layer):
    cut, net = layer
    head = AffineHead.of(cut)
    assert torch.allclose(head.weight, net.head.weight, atol=1e-5)
    assert torch.allclose(head.bias, net.head.bias, atol=1e-6)


def test_every_logit_is_its_constant_its_atoms_and_what_they_leave(layer):
    cut, net = layer
    head, x = AffineHead.of(cut), torch.rand(5, 3, 8, 8)
    a = cut.activations(x)
    dictionary = SAE(concepts=8, active=2, epochs=5).fit(a.flatten(0, 1))
    codes = dictionary.encode(a).mean(1)
    atoms = codes[:, None] * head.of_atoms(dictionary)  # images, classes, atoms
    left = head.left(dictionary, a.mean(1), codes)
    assert left.abs().max() > 1e-3  # two atoms of six channels leave something
    total = head.constant(dictionary) + atoms.sum(2) + left
    assert torch.allclose(total, net(x).detach(), atol=1e-5)


def test_a_head_that_is_not_affine_is_refused():
    with seeded(0):
        net = Pooled(nn.Sequential(nn.Conv2d(6, 6, 1), nn.ReLU())).eval()
    with pytest.raises(SparksError, match="not affine in its mean activation"):
        AffineHead.of(Layer(net, "features", torch.rand(1, 3, 8, 8)))
    with seeded(0):  # affine, but places differ
        net = ConvNet(3, 4, image_size=16, widths=(4,), blocks=1).eval()
    with pytest.raises(SparksError, match="not affine in its mean activation"):
        AffineHead.of(Layer(net, "stem", torch.rand(1, 3, 16, 16)))


def test_a_dictionary_of_other_channels_is_refused(layer):
    dictionary = SAE(concepts=2, active=1, epochs=1).fit(torch.rand(9, 5))
    with pytest.raises(SparksError, match="dictionary of 5 channels does not fit a head of 6"):
        AffineHead.of(layer[0]).of_atoms(dictionary)
