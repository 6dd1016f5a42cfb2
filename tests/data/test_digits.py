"""The digits are scikit-learn's, split by class."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sparks.data import Digits
from sparks.errors import SparksError


def test_the_splits_hold_the_bundled_images_once_each() -> None:
    splits = Digits()()
    pixels = torch.cat([splits[name].batch(slice(None)) for name in ("train", "test")])
    labels = torch.cat([splits[name].labels for name in ("train", "test")])
    bundled = load_digits()
    # Levels of 1/16 survive the 8 bits.
    levels = (pixels * 16).round().flatten(1).int().tolist()
    ours = sorted(zip(labels.tolist(), levels, strict=True))
    theirs = zip(bundled.target.tolist(), bundled.data.astype(int).tolist(), strict=True)
    assert ours == sorted(theirs)
    shares = splits["test"].labels.bincount() / torch.from_numpy(np.bincount(bundled.target))
    assert shares.numpy() == pytest.approx(0.2, abs=0.01)


def test_enlarged_digits_are_bilinear() -> None:
    small, large = Digits(size=8)()["test"], Digits(size=16)()["test"]
    assert torch.equal(small.labels, large.labels)
    # Doubling with half-pixel centres: the mean of each 2 × 2 block weighs 9 neighbours 1-6-1.
    kernel = torch.tensor([1.0, 6, 1])[:, None] * torch.tensor([1.0, 6, 1]) / 64
    inner = torch.nn.functional.conv2d(small.batch(slice(None)), kernel[None, None])
    blocks = torch.nn.functional.avg_pool2d(large.batch(slice(None)), 2)[:, :, 1:-1, 1:-1]
    assert torch.allclose(blocks, inner, atol=1.1 / 255)


def test_the_seed_decides_the_split() -> None:
    one, same, other = (Digits(seed=seed)()["test"].images for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("setting", [{"size": 7}, {"test_share": 1.5}])
def test_impossible_settings_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(SparksError, match=next(iter(setting))):
        Digits(**setting)()
