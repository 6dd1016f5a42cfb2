"""Features other than cells: against the grid, Captum, and direct loops."""

from dataclasses import fields, replace

import captum.attr
import numpy as np
import pytest
import torch

from sparks.attribution import HSIC, LIME, RISE, KernelSHAP, Occlusion, Sobol
from sparks.engine import FeatureMask, Superpixels, Windows
from sparks.engine.segments import OverlappingWindows
from sparks.errors import SparksError

from .nets import images, random_net

CELLS = torch.arange(16).reshape(4, 4).repeat_interleave(2, 0).repeat_interleave(2, 1)
METHODS = [
    Occlusion(grid=4),
    LIME(grid=4, samples=64),
    KernelSHAP(grid=4, samples=64),
    Sobol(grid=4, points=8, resize="nearest"),
    HSIC(grid=4, masks=64, resize="nearest"),
]


def kind(method):
    return type(method).__name__


@pytest.mark.parametrize("method", METHODS, ids=kind)
def test_a_mask_of_cells_is_the_grid(method):
    model, (x, target) = random_net(), images()
    own = replace(method, grid=1, features=FeatureMask(CELLS))
    torch.testing.assert_close(own(model, x, target), method(model, x, target))


@pytest.mark.parametrize("method", [*METHODS, RISE(masks=64)], ids=kind)
def test_images_with_features_of_their_own_are_explained_as_alone(method):
    model, (x, target) = random_net(), images()
    superpixels = replace(method, features=Superpixels(count=6))
    counts = {masker.d for _, masker in superpixels.maskers(x)}
    assert len(counts) > 1, "images whose features differ in number"
    maps = superpixels(model, x, target)
    assert maps.shape == (3, 8, 8)
    for i in range(3):
        alone = superpixels(model, x[i : i + 1], target[i : i + 1])
        torch.testing.assert_close(maps[i : i + 1], alone)


def test_shapley_values_of_regions_are_captums():
    model, (x, target) = random_net(), images()
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(4, (3, 8, 8), generator=generator)
    maps = KernelSHAP(samples=16, features=FeatureMask(labels))(model, x, target)
    exact = captum.attr.ShapleyValues(model)  # over all orders of the four
    for i in range(3):
        one, mask = x[i : i + 1], labels[i].repeat(1, 2, 1, 1)
        expected = exact.attribute(one, target=target[i], feature_mask=mask)
        torch.testing.assert_close(maps[i], expected[0, 0].detach(), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_overlapping_occlusion_is_captums(stride):
    model, (x, target) = random_net(), images(size=9)
    reference = captum.attr.Occlusion(model)
    expected = reference.attribute(x, (2, 3, 3), (2, stride, stride), target=target)
    maps = Occlusion(features=Windows(side=3, stride=stride))(model, x, target)
    torch.testing.assert_close(maps, expected.detach()[:, 0])


def test_masks_of_windows_multiply_where_they_overlap():
    masker = Windows(side=3, stride=2)(torch.rand(1, 1, 6, 5))[0]
    assert isinstance(masker, OverlappingWindows)
    corners = [(row, column) for row in (0, 2, 3) for column in (0, 2)]
    assert masker.d == len(corners)
    masks, importance = torch.rand(4, 6), torch.rand(4, 6)
    masks[0, 2] = 0
    expected, total, count = torch.ones(4, 6, 5), torch.zeros(4, 6, 5), torch.zeros(6, 5)
    for j, (row, column) in enumerate(corners):
        window = (slice(row, row + 3), slice(column, column + 3))
        expected[:, *window] *= masks[:, j, None, None]
        total[:, *window] += importance[:, j, None, None]
        count[window] += 1
    torch.testing.assert_close(masker.expand(masks)[:, 0], expected)
    torch.testing.assert_close(masker.to_map(importance), total / count)
    maps = torch.rand(2, 6, 5)
    sums = [maps[:, r : r + 3, c : c + 3].sum((1, 2)) for r, c in corners]
    torch.testing.assert_close(masker.sums(maps), torch.stack(sums, 1))


def test_sums_over_regions_are_those_of_a_loop():
    x = torch.rand(2, 3, 12, 10)
    maps = torch.rand(2, 12, 10)
    for image, masker in zip(maps, Superpixels(count=5)(x), strict=True):
        expected = [image[masker.labels == j].sum() for j in range(masker.d)]
        torch.testing.assert_close(masker.sums(image[None])[0], torch.stack(expected))


def test_superpixels_do_not_cross_edges():
    """Each region of an image of two colours, or two greys, has one of them."""
    for channels in (1, 2, 3):
        x = torch.zeros(1, channels, 24, 24)
        x[..., 10:] = 0.8
        masker = Superpixels(count=16)(x)[0]
        assert masker.d > 8
        right = masker.sums((x[:, 0] > 0).float())[0]
        area = masker.sums(torch.ones(1, 24, 24))[0]
        assert bool(((right == 0) | (right == area)).all())


def test_masks_are_read_from_files_and_shared_features_are_explained_together(tmp_path):
    np.save(tmp_path / "mask.npy", CELLS.numpy())
    method = Occlusion(features=FeatureMask(str(tmp_path / "mask.npy")))
    x = images()[0]
    assert [(part.start, part.stop) for part, _ in method.maskers(x)] == [(0, 3)]
    own = FeatureMask(torch.stack([CELLS, CELLS // 2, CELLS]))
    assert [masker.d for masker in own(x)] == [16, 8, 16]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (FeatureMask(CELLS[:4]), r"a mask of \(4, 8\) does not fit images of \(3, 2, 8, 8\)"),
        (Windows(side=9, stride=9), "side=9 does not fit an image of 8x8 pixels"),
    ],
)
def test_features_that_do_not_fit_are_refused_before_the_model_is_asked(features, message):
    x, _ = images()
    with pytest.raises(SparksError, match=message):
        Occlusion(features=features).check(random_net(), x)


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(SparksError, match="stride=5 is above side=4"):
        Windows(side=4, stride=5)
    with pytest.raises(SparksError, match="not one of whole numbers"):
        FeatureMask(torch.rand(8, 8))
    with pytest.raises(SparksError, match=r"mask='nowhere\.npy' cannot be read"):
        FeatureMask("nowhere.npy")
    with pytest.raises(SparksError, match="evaluate one at a time"):
        Sobol(features=Superpixels(4)).evaluate(random_net(), *images())
    assert "features" in {field.name for field in fields(Sobol())}
