"""Images changed towards a feature: closed forms on objectives that are linear in the image."""

import pytest
import torch

from sparks.errors import SparksError
from sparks.visualization import Accentuation, Ascent, Objective, image_statistics, named_crops
from sparks.visualization.accentuation import TYPICAL

SIZE = (16, 16)


@pytest.fixture(scope="module")
def images():
    smooth = torch.rand(8, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return 0.2 + 0.6 * torch.nn.functional.interpolate(smooth, size=SIZE, mode="bilinear")


@pytest.fixture(scope="module")
def statistics(images):
    return image_statistics(lambda: [images])


@pytest.fixture(scope="module")
def weights():
    """Gradients of two linear features: a spot of red, and a smooth pattern."""
    spot = torch.zeros(3, *SIZE)
    spot[0, 4:12, 4:12] = 1
    wave = torch.linspace(0, 3.14, SIZE[1]).sin().expand(3, *SIZE)
    return torch.stack([spot, wave])


def linear(weights, scale=1.0):
    def read(x, index):
        return scale * (x * weights[index]).flatten(1).sum(1)

    return Objective(lambda x: x, read, ("spot", "wave"))


def accentuated(image, weights, statistics, scale=1.0, **settings):
    ascent = Ascent(
        parametrisation=Accentuation(image=image, **settings),
        crops=named_crops("whole", count=1),
        steps=300,
    )
    return ascent(linear(weights, scale), statistics, SIZE)


def test_pictures_start_at_the_image(images, statistics):
    canvas = Accentuation(image=images[3]).start(statistics, 2, 0, torch.device("cpu"))
    torch.testing.assert_close(canvas.image(), images[3].expand(2, -1, -1, -1), rtol=0, atol=1e-4)


def test_a_linear_feature_moves_the_image_along_its_weights_as_far_as_the_penalty_says(
    images, statistics, weights
):
    penalty = 4.0
    pictures = accentuated(images[0], weights, statistics, penalty=penalty)
    for picture, w in zip(pictures.images, weights, strict=True):
        # The maximum of g · x / ‖g‖ - penalty ‖x - x₀‖² / (2 s).
        expected = TYPICAL * (3 * 16 * 16) ** 0.5 / penalty * w / w.norm()
        moved = picture - images[0]
        cosine = (moved * expected).sum() / (moved.norm() * expected.norm())
        assert float(cosine) > 0.95
        assert float(moved.norm() / expected.norm()) == pytest.approx(1, abs=0.1)


def test_a_larger_penalty_stays_nearer_and_none_goes_farther(images, statistics, weights):
    distances = [
        float((accentuated(images[0], weights, statistics, penalty=p).images - images[0]).norm())
        for p in (0.0, 1.0, 4.0, 100.0)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.1 * distances[0]


def test_the_scale_of_the_objective_does_not_matter(images, statistics, weights):
    one, other = (accentuated(images[0], weights, statistics, scale=s).images for s in (1.0, 50.0))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "image", [torch.rand(1, 3, 8, 8), torch.rand(3, 8, 8) + 1, torch.full((3, 8, 8), torch.nan)]
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(SparksError, match=r"one image \(C, H, W\)"):
        Accentuation(image=image)


def test_an_image_of_other_channels_than_the_statistics_is_refused(statistics):
    with pytest.raises(SparksError, match="an image of 1 channels"):
        Accentuation(image=torch.rand(1, 8, 8)).start(statistics, 1, 0, torch.device("cpu"))
