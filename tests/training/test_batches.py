"""Order, augmentation and prediction of batches."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import map_coordinates

from sparks.data.imageset import ImageSet
from sparks.models import Classifier, ConvNet, seeded
from sparks.progress import progress
from sparks.training import Settings, accuracy, holdout, predict, score
from sparks.training.batches import augment, epoch_batches
from sparks.training.step import augment_alike


def test_an_epoch_shows_every_image_once_in_another_order_each_time(blobs):
    tagged = dataclasses.replace(
        blobs, images=torch.arange(90, dtype=torch.uint8)[:, None, None, None].expand(90, 1, 8, 8)
    )

    def order(epoch, seed=0):
        pairs = list(epoch_batches(tagged, 30, seed, epoch))
        assert [x.shape for x, _, _ in pairs] == [(30, 1, 8, 8)] * 3
        indices = torch.cat([(x[:, 0, 0, 0] * 255).round().long() for x, _, _ in pairs])
        assert torch.equal(torch.cat([y for _, y, _ in pairs]), tagged.labels[indices])
        assert torch.equal(torch.cat([i for _, _, i in pairs]), indices)
        return indices.tolist()

    assert sorted(order(0)) == list(range(90))
    assert order(0) == order(0) != order(1)
    assert order(0) != order(0, seed=1)


@pytest.mark.parametrize(("batch_size", "sizes"), [(40, [40, 40]), (90, [90]), (100, [90])])
def test_an_incomplete_batch_is_left_out_unless_it_is_the_only_one(blobs, batch_size, sizes):
    assert [len(y) for _, y, _ in epoch_batches(blobs, batch_size, 0, 0)] == sizes


def test_images_from_files_come_in_the_same_batches(blobs, tmp_path):
    images = blobs.images.expand(-1, 3, -1, -1)
    names = tuple(f"{i}.png" for i in range(90))
    for name, image in zip(names, images, strict=True):
        Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0))).save(tmp_path / name)
    memory = dataclasses.replace(blobs, images=images.contiguous())
    files = ImageSet(blobs.labels, blobs.classes, None, names, str(tmp_path), 8)
    pairs = zip(epoch_batches(memory, 16, 3, 1), epoch_batches(files, 16, 3, 1), strict=True)
    for one, other in pairs:
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_augmentation_off_changes_nothing():
    x = torch.rand(2, 3, 4, 4)
    assert augment(x, False, 0, torch.Generator()) is x


def test_flipping_mirrors_about_half_of_the_images():
    x = torch.rand(400, 2, 3, 5)
    flipped = augment(x, True, 0, torch.Generator().manual_seed(0))
    mirrored = (flipped == x.flip(3)).flatten(1).all(1)
    kept = (flipped == x).flatten(1).all(1)
    assert bool((mirrored ^ kept).all())
    assert 160 < int(mirrored.sum()) < 240


def test_shifting_moves_within_bounds_and_repeats_the_border():
    x = torch.rand(200, 1, 6, 6)
    shifted = augment(x, False, 2, torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(x, (2, 2, 2, 2), mode="replicate")
    windows = {
        (dy, dx): padded[:, :, dy : dy + 6, dx : dx + 6] for dy in range(5) for dx in range(5)
    }
    matches = torch.stack([(w == shifted).flatten(1).all(1) for w in windows.values()])
    assert bool((matches.sum(0) == 1).all())
    assert bool((matches.sum(1) > 0).all())  # all 25 moves occur


def test_crops_are_parts_of_the_image_enlarged():
    # The colours of a pixel are its coordinates: a crop's show where it lies, and how large it is.
    line = (torch.arange(32) + 0.5) / 32
    x = torch.stack(torch.meshgrid(line, line, indexing="ij"))[None].expand(300, -1, -1, -1)
    cropped = augment(x, False, 0, torch.Generator().manual_seed(0), (0.2, 0.7))
    assert cropped.shape == x.shape
    inner = cropped[:, :, 1:-1, 1:-1]  # the outermost pixels may reach beyond the image
    down, across = inner[:, 0].diff(dim=1), inner[:, 1].diff(dim=2)
    steps = 32 * torch.cat([down.flatten(1), across.flatten(1)], 1)
    side = steps.mean(1)
    assert float((steps - side[:, None]).abs().max()) < 1e-4  # square, undistorted
    area = side**2
    assert 0.2 <= float(area.min()) < 0.23
    assert 0.67 < float(area.max()) <= 0.7
    assert float(area.mean()) == pytest.approx(0.45, abs=0.03)  # uniform
    for axis in (0, 1):
        start = inner[:, axis].flatten(1).min(1).values - side * 1.5 / 32
        room = start / (1 - side)
        assert float(room.min()) > -1e-4
        assert float(room.max()) < 1 + 1e-4
        assert float(room.mean()) == pytest.approx(0.5, abs=0.06)
    assert torch.equal(cropped, augment(x, False, 0, torch.Generator().manual_seed(0), (0.2, 0.7)))


def test_crops_are_interpolated_bilinearly():
    # Two channels hold coordinates, so the crop says where each of its pixels was taken from.
    places = torch.arange(16.0)
    grid = torch.stack(torch.meshgrid(places, places, indexing="ij"))
    noise = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(1))
    x = torch.cat([grid, noise])[None].expand(20, -1, -1, -1)
    cropped = augment(x, False, 0, torch.Generator().manual_seed(0), (0.1, 0.9)).numpy()
    for rows, columns, values in cropped:
        expected = map_coordinates(noise[0].numpy(), [rows, columns], order=1, mode="nearest")
        assert np.allclose(values, expected, atol=1e-5)


def test_maps_beside_images_are_cropped_alike():
    x = torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(2))
    settings = Settings(epochs=1, flip=True, shift=2, crop_area=(0.3, 0.8))
    generator = torch.Generator().manual_seed(0)
    images, beside = augment_alike(x, x[:, :1], settings, generator, torch.device("cpu"))
    assert torch.equal(images[:, :1], beside)
    assert not torch.equal(images, x)


def test_holdout_keeps_the_shares_of_the_classes(blobs):
    train, validation = holdout(blobs, 0.2, 0)
    assert torch.bincount(validation.labels).tolist() == [6, 6, 6]
    assert torch.bincount(train.labels).tolist() == [24, 24, 24]
    rows = torch.cat([train.images, validation.images]).flatten(1).tolist()
    assert sorted(rows) == sorted(blobs.images.flatten(1).tolist())
    assert holdout(blobs, 0.0, 0) == (blobs, None)


def conv():
    with seeded(0):
        return Classifier(ConvNet(1, 3, 8, (4, 8)), 1)


def test_prediction_is_in_evaluation_mode_and_puts_the_modes_back(blobs):
    model = conv().train()
    model.net.stem.eval()
    modes = [m.training for m in model.modules()]
    state = {k: v.clone() for k, v in model.state_dict().items()}
    logits = predict(model, blobs, batch_size=7)
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in state.items())
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(logits, model(blobs.batch(range(90))), rtol=1e-4, atol=1e-5)


def test_prediction_takes_tensors_and_does_not_depend_on_the_batch_size(blobs):
    x = blobs.batch(range(90))
    a, b = (predict(conv(), x, batch_size=size) for size in (1, 90))
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_accuracy_and_loss_of_known_logits(blobs):
    class Known(torch.nn.Module):
        def forward(self, x):
            return torch.tensor([[2.0, 0.0, 0.0]]).expand(len(x), 3)

    loss = np.log(np.exp(2) + 2) - 2 / 3
    assert score(Known(), blobs, batch_size=11) == pytest.approx((1 / 3, loss))
    assert accuracy(Known(), blobs) == pytest.approx(1 / 3)


def test_progress_in_a_file_is_lines_with_rate_and_end():
    file = io.StringIO()
    assert list(progress(range(5), unit="image", description="count", file=file)) == [0, 1, 2, 3, 4]
    last = file.getvalue().splitlines()[-1]
    assert last.startswith("count: 5/5 [")
    assert "images/s" in last
    assert "\r" not in file.getvalue()


def test_progress_in_a_terminal_is_a_bar():
    file = io.StringIO()
    file.isatty = lambda: True
    list(progress(range(5), description="count", file=file))
    assert "\r" in file.getvalue()
    assert "100%" in file.getvalue()
