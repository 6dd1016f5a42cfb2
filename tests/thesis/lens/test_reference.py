"""Whether an image is far: against sorted distances, exchangeable images, and a network's own."""

import pytest
import torch

from sparks.concepts.classes import Classified
from sparks.concepts.layer import Layer
from sparks.models import Classifier, ConvNet, seeded
from sparks_thesis.lens.reference import LEVEL, Distance, Reference, features, reference_layer

from .conftest import EXTRACTOR, SURVEYOR


@pytest.fixture(scope="module")
def layer(model, train):
    return reference_layer(model, "stages.1", train.batch([0]))


def test_features_are_mean_and_spread_of_each_channel(layer, train):
    x = train.batch([0, 1])
    raw = layer.g(x).detach()
    expected = torch.cat([raw.mean((2, 3)), raw.flatten(2).std(2, correction=0)], 1)
    torch.testing.assert_close(features(layer, x), expected)


def test_the_distance_is_to_the_fifth_nearest_in_spreads_of_each_feature(layer):
    generator = torch.Generator().manual_seed(0)
    known = torch.randn(40, 3, generator=generator) * torch.tensor([1.0, 100.0, 0.01])
    others = torch.randn(9, 3, generator=generator)
    reference = Reference.of(layer, known, others)
    scaled = (others[:, None] - known) / known.std(0)
    expected = scaled.norm(dim=2).sort(1).values[:, 4]
    torch.testing.assert_close(reference.held_out, expected, atol=1e-4, rtol=1e-4)


def test_images_that_were_surveyed_are_not_held_out(layer):
    known = torch.randn(20, 3)
    assert len(Reference.of(layer, known, known).held_out) == 0
    assert len(Reference.of(layer, known, torch.cat([known[:3], known[:2] + 1])).held_out) == 2


def test_few_exchangeable_images_are_far(layer):
    """Of images like the held-out ones, 1 % are called far, up to chance."""
    generator = torch.Generator().manual_seed(1)
    known, others, new = torch.randn(3, 2000, 5, generator=generator)
    reference = Reference.of(layer, known, others)
    values = reference._distances(new)
    far = [Distance(float(v), int((reference.held_out >= v).sum()), 2000, 2000).far for v in values]
    # 20 expected; a binomial with that mean is outside of this with a probability of 1e-4.
    assert 5 < sum(far) < 41
    shifted = reference._distances(new + 6)
    assert bool((shifted > reference.held_out.max()).all())


@pytest.mark.parametrize(("held_out", "known"), [(0, False), (98, False), (99, True), (500, True)])
def test_too_few_held_out_images_say_nothing(held_out, known):
    farthest = Distance(1.0, 0, held_out, 100)
    assert (farthest.known, farthest.far) == (known, known)
    assert LEVEL == 0.01
    assert not Distance(1.0, held_out, held_out, 100).far


def test_noise_and_flat_colours_are_far_and_held_out_images_are_not(model, train):
    """Of the network that knows the blobs, surveyed on 60 of them."""
    surveyed, held = train.subset(range(60)), train.subset(range(60, 90))
    given = Classified.by(model, held)
    layer = reference_layer(model, "stages.1", train.batch([0]))
    taken = Classified.by(model, surveyed)
    classes = list(SURVEYOR.survey(model, "stages.1", taken, EXTRACTOR.on(taken), test=given))
    known, others = (
        torch.cat([one.tensors[name] for one in classes]) for name in ("features", "held_out")
    )
    assert (len(known), len(others)) == (60, 30)
    reference = Reference.of(layer, known, others)
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(4, 3, 16, 16, generator=generator)
    flat = torch.rand(4, 3, 1, 1, generator=generator).expand(-1, -1, 16, 16)
    for image in (*noise, *flat):
        assert reference.distance(image[None]).farther == 0
    near = [reference.distance(held.batch([i])).farther for i in range(30)]
    # Their own place, but for the rounding of what the atlas stores.
    assert all(
        abs(rank - place) <= 2 for rank, place in zip(sorted(near), range(1, 31), strict=True)
    )


def test_the_layer_is_the_last_with_maps_of_an_eighth():
    with seeded(0):
        convnet = Classifier(ConvNet(3, 3, 64, widths=(4, 8, 8, 8))).eval()
        dense = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 2))).eval()
    example = torch.zeros(1, 3, 64, 64)
    found = reference_layer(convnet, "stages.3", example)
    sizes = {name: Layer(convnet, name, example).shape for name in convnet.layers()}
    fine = [name for name, shape in sizes.items() if len(shape) == 3 and shape[1] >= 8]
    assert found.name == fine[-1]
    assert reference_layer(dense, "0", torch.zeros(1, 3, 4, 4)).name == "0"
