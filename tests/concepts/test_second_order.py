"""Clusters of explanations on images of two textures, whose clusters are known."""

import pytest
import torch
from torch import nn

from sparks.concepts import Layer, SecondOrder, repainted
from sparks.errors import SparksError
from sparks.models import Classifier

CELLS, SIDE = 4, 16


@pytest.fixture(scope="module")
def striped():
    """Images of red, green and blue cells: colour (N, cells), pixels, and maps on some of them."""
    generator = torch.Generator().manual_seed(0)
    colour = torch.randint(3, (30, CELLS**2), generator=generator)
    cells = torch.eye(3)[colour].view(-1, CELLS, CELLS, 3).permute(0, 3, 1, 2)
    images = cells.repeat_interleave(4, 2).repeat_interleave(4, 3)
    maps = torch.rand(30, SIDE, SIDE, generator=generator)
    return colour, images, maps


@pytest.fixture(scope="module")
def layer():
    """A layer that shows colours: a convolution of one pixel, the identity."""
    first = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.eye(3)[:, :, None, None])
    pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    model = Classifier(nn.Sequential(first, nn.ReLU(), *pool)).eval()
    return Layer(model, "1", torch.rand(1, 3, SIDE, SIDE))


def test_cells_with_most_of_a_map_are_taken_and_clustered_by_what_they_show(striped, layer):
    colour, images, maps = striped
    found = SecondOrder(cells=CELLS, marked=3, clusters=3)(layer, images, maps)
    sums = maps.view(30, CELLS, 4, CELLS, 4).sum((2, 4)).flatten(1)
    for image in range(30):
        best = sums[image].argsort(descending=True)[:3]
        assert set(found.marked[image].tolist()) == set(best.tolist())
    of_colour = [int(found.cluster[colour == number][0]) for number in range(3)]
    assert sorted(of_colour) == [0, 1, 2]
    assert torch.equal(found.cluster, torch.tensor(of_colour)[colour])


def test_shares_classes_and_pixels_are_counted_over_cells(striped, layer):
    colour, images, maps = striped
    found = SecondOrder(cells=CELLS, marked=3, clusters=3)(layer, images, maps)
    red = int(found.cluster[colour == 0][0])
    truth = images[:, 0] > 0.5
    truth[:, ::4] = False  # a row of pixels in four: three quarters of each red cell remain
    shares = found.share(truth)
    assert shares[red].item() == pytest.approx(0.75)
    assert shares.sum().item() == pytest.approx(0.75)
    labels = torch.arange(30) % 2
    counts = found.of_classes(labels, 2)
    marked = colour.gather(1, found.marked)
    assert counts[red].tolist() == [int((marked[labels == c] == 0).sum()) for c in (0, 1)]
    assert int(counts.sum()) == 90
    assert torch.equal(found.pixels(torch.arange(3) == red), images[:, 0] > 0.5)


def test_the_spread_separates_textures_of_the_same_mean(layer):
    """Cells of fine stripes and cells of grey have the same mean colour."""
    grey, stripes = torch.full((3, 4, 4), 0.5), torch.zeros(3, 4, 4)
    stripes[:, ::2] = 1
    kinds = torch.arange(16) % 2
    cells = torch.stack([grey, stripes])[kinds]
    image = cells.view(4, 4, 3, 4, 4).permute(2, 0, 3, 1, 4).reshape(1, 3, 16, 16)
    found = SecondOrder(cells=4, marked=16, clusters=2)(layer, image, torch.rand(1, 16, 16))
    assert torch.equal(found.cluster[0] == found.cluster[0, 0], kinds == 0)


def test_marked_pixels_are_painted_with_those_of_one_other_image():
    images = torch.arange(7.0).view(7, 1, 1, 1).expand(7, 2, 3, 3)
    pixels = torch.zeros(7, 3, 3, dtype=torch.bool)
    pixels[:, 1] = True
    made = repainted(images, pixels, seed=4)
    assert torch.equal(made[:, :, [0, 2]], images[:, :, [0, 2]])
    sources = made[:, 0, 1, 0].long()
    assert sorted(sources.tolist()) == list(range(7))
    assert (sources != torch.arange(7)).all()
    assert (made[:, :, 1] == sources.float().view(7, 1, 1)).all()


def test_what_cannot_be_clustered_is_refused(striped, layer):
    _, images, maps = striped
    with pytest.raises(SparksError, match="make no 50 clusters"):
        SecondOrder(cells=CELLS, marked=1)(layer, images, maps)
    with pytest.raises(SparksError, match="do not fit images"):
        SecondOrder()(layer, images, maps[:, :4])
    with pytest.raises(SparksError, match="marked=5 cells of an image that has 4"):
        SecondOrder(cells=2, marked=5)
