"""FORGrad against waves whose frequencies are known."""

import math

import pytest
import torch

from sparks.attribution import FORGrad, GradCAM, Saliency
from sparks.attribution.forgrad import low_pass
from sparks.errors import SparksError

from .nets import Linear, images, random_net, vectors


def wave(cycles, size=32):
    return torch.cos(2 * math.pi * cycles * torch.arange(size) / size)


def test_waves_above_the_cutoff_go_and_those_below_stay():
    low, high = wave(3)[:, None] * wave(4), wave(6)[:, None].expand(32, 32)
    torch.testing.assert_close(low_pass((low + high)[None], 5.5)[0], low, atol=1e-5, rtol=1e-5)
    # 3 and 4 cycles along the sides are 5 along the diagonal.
    torch.testing.assert_close(low_pass(low[None], 4.9)[0], torch.zeros(32, 32), atol=1e-5, rtol=0)


def test_all_frequencies_are_the_map_itself_also_of_odd_sizes():
    maps = torch.randn(2, 13, 10)
    torch.testing.assert_close(low_pass(maps, 13.0), maps, atol=1e-6, rtol=1e-5)


def test_maps_of_a_method_are_filtered_and_its_refusals_kept():
    model, (x, target) = random_net(), images()
    maps = FORGrad(Saliency(), cutoff=2.0)(model, x, target)
    torch.testing.assert_close(maps, low_pass(Saliency()(model, x, target), 2.0))
    with pytest.raises(SparksError, match="does not exist"):
        FORGrad(GradCAM("nowhere")).check(model, x)
    with pytest.raises(SparksError, match="filters maps of images"):
        FORGrad(Saliency())(Linear(6), *vectors())
