"""Photographs with a tag: what is where, and what goes with the label."""

import re

import pytest
import torch

from sparks.data import ImageSet, Tagged
from sparks.errors import SparksError

CLASSES = ("cat", "dog", "fox")
COLOURS = {"cat": 0, "dog": 128, "fox": 255}  # of plain photographs
CORNERS = [(slice(rows, rows + 12), slice(cols, cols + 12)) for rows in (0, 28) for cols in (0, 28)]


def photographs(n: int = 90) -> dict[str, ImageSet]:
    """Return plain photographs of three classes, all of one grey each."""
    labels = torch.arange(n) % len(CLASSES)
    greys = torch.tensor([COLOURS[name] for name in CLASSES], dtype=torch.uint8)[labels]
    images = greys[:, None, None, None].expand(n, 3, 20, 20).contiguous()
    return {split: ImageSet(labels, CLASSES, images) for split in ("train", "test")}


def tagged(n: int = 90, **settings: object) -> Tagged:
    given = {"classes": [0, 2], "textures": ["grass", "brick"], "size": 40, "side": 0.3}
    return Tagged(lambda: photographs(n), **{**given, **settings})


def shown(images: ImageSet) -> torch.Tensor:
    """Return 1 where the photograph is of a fox, 0 where of a cat, by its middle."""
    middle = images.images[:, 0, 15:25, 15:25].flatten(1)
    assert (middle == middle[:, :1]).all()
    return (middle[:, 0] == COLOURS["fox"]).long()


def near(share: torch.Tensor, expected: float, n: int) -> bool:
    """Whether a share of n is within four standard errors of what is expected."""
    return bool(abs(share.item() - expected) < 4 * (expected * (1 - expected) / n) ** 0.5)


def test_a_tag_fills_one_corner_and_all_else_is_the_photograph():
    train = tagged()()["train"]
    assert train.classes == ("cat", "fox")
    inside = train.truth["parts"].bool()
    where = torch.stack([inside[:, *corner].flatten(1).all(1) for corner in CORNERS], 1)
    assert (where.sum(1) == 1).all()
    assert where.any(0).all()  # each corner has some
    assert (inside.flatten(1).sum(1) == 12 * 12).all()
    greys = torch.tensor([COLOURS["cat"], COLOURS["fox"]])[shown(train)]
    for image, tag, grey in zip(train.images, inside, greys, strict=True):
        assert (image[:, ~tag] == grey).all()
    assert torch.equal(train.diagnostic(), inside)


def test_in_training_the_tag_is_the_labels_and_the_photograph_as_often_as_asked():
    for agreement in (0.6, 1.0):
        splits = tagged(1500, agreement=agreement)()
        for name in ("train", "test_biased"):
            images = splits[name]
            assert torch.equal(images.truth["background"], images.labels)
            agrees = (shown(images) == images.labels).double().mean()
            assert near(agrees, agreement, len(images)) or agrees == agreement == 1


def test_on_test_photograph_and_tag_are_independent():
    test = tagged(1500)()["test"]
    assert torch.equal(shown(test), test.labels)
    same = (test.truth["background"] == test.labels).double().mean()
    assert near(same, 0.5, len(test))


def test_other_labels_than_the_photographs_are_equally_likely():
    builder = tagged(3000, classes=[0, 1, 2], textures=["grass", "brick", "moon"], agreement=0.0)
    train = builder()["train"]
    moved = (train.labels - torch.arange(len(train)) % 3) % 3
    assert set(moved.tolist()) == {1, 2}
    assert near((moved == 1).double().mean(), 0.5, len(train))


def test_images_depend_on_seed_split_and_number_alone():
    first, again = tagged()()["train"], tagged()()["train"]
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, tagged(seed=1)()["train"].images)
    shorter = tagged(30)()["train"]
    assert torch.equal(shorter.images, first.images[: len(shorter)])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"classes": [1]}, "name two at least"),
        ({"classes": [1, 1]}, "each once"),
        ({"textures": ["grass"]}, "one for each"),
        ({"textures": ["grass", "grass"]}, "all different"),
        ({"textures": ["grass", "snow"]}, "there is no texture 'snow'"),
        ({"side": 0.6}, "between 0 and 0.5"),
        ({"agreement": 1.5}, "between 0 and 1"),
        ({"size": 4}, "size"),
    ],
)
def test_refusals_name_the_setting(settings, reason):
    with pytest.raises(SparksError, match=re.escape(reason)):
        tagged(**settings)


def test_a_class_that_the_photographs_lack_is_named():
    with pytest.raises(SparksError, match="classes has 7"):
        tagged(classes=[0, 7])()
