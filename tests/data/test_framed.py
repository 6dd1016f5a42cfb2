"""Photographs in frames: what is where, and what goes with the class."""

import re

import pytest
import torch

from sparks.data import Framed, ImageSet
from sparks.errors import SparksError

CLASSES = ("cat", "dog", "fox")
COLOURS = {"cat": 0, "dog": 128, "fox": 255}  # of plain photographs


def photographs(n: int = 90) -> dict[str, ImageSet]:
    """Return plain photographs of three classes, all of one grey each."""
    labels = torch.arange(n) % len(CLASSES)
    greys = torch.tensor([COLOURS[name] for name in CLASSES], dtype=torch.uint8)[labels]
    images = greys[:, None, None, None].expand(n, 3, 20, 20).contiguous()
    return {split: ImageSet(labels, CLASSES, images) for split in ("train", "test")}


def framed(**settings: object) -> Framed:
    given = {"classes": [0, 2], "textures": ["grass", "brick"], "size": 40, "share": 0.5}
    return Framed(photographs, **{**given, **settings})


def test_photographs_stand_in_the_middle_of_their_class():
    train = framed()()["train"]
    assert train.classes == ("cat", "fox")
    inside = train.truth["parts"].bool()
    assert inside[:, 10:30, 10:30].all()
    assert int(inside[0].sum()) == 20 * 20
    for label, name in enumerate(train.classes):
        of_class = train.batch((train.labels == label).nonzero().flatten())
        assert (of_class[:, :, 10:30, 10:30] == COLOURS[name] / 255).all()
    assert torch.equal(train.diagnostic(), inside)


def test_the_texture_goes_with_the_class_in_training_alone():
    splits = framed()()
    for name in ("train", "test_biased"):
        assert torch.equal(splits[name].truth["background"], splits[name].labels)
    test = framed(bias=1.0)
    large = Framed(lambda: photographs(1500), test.classes, test.textures, size=16)()["test"]
    same = (large.truth["background"] == large.labels).double().mean()
    assert abs(float(same) - 0.5) < 4 * 0.5 / 1000**0.5  # four standard errors


def test_around_it_the_texture_alone_decides():
    """Textures in the other order change places; other photographs change nothing there."""
    first = framed()()["train"]
    outside = first.truth["parts"][0] == 0
    swapped = framed(textures=["brick", "grass"], classes=[2, 0])()["train"]
    assert torch.equal(first.labels, 1 - swapped.labels)
    assert torch.equal(first.images[:, :, outside], swapped.images[:, :, outside])
    other = framed(classes=[1, 2])()["train"]
    of_grass = (first.labels == 0) & (other.labels == 0)
    assert of_grass.any()
    assert torch.equal(first.images[of_grass][:, :, outside], other.images[of_grass][:, :, outside])
    bricks, grasses = (first.images[first.labels == k][:, :, outside].float() for k in (1, 0))
    assert not torch.equal(bricks[0], grasses[0])


def test_images_depend_on_seed_split_and_number_alone():
    first, again = framed()()["train"], framed()()["train"]
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, framed(seed=1)()["train"].images)
    shorter = Framed(lambda: photographs(30), [0, 2], ["grass", "brick"], size=40)()["train"]
    assert torch.equal(shorter.images, first.images[: len(shorter)])


def test_without_a_bias_there_is_no_biased_split():
    assert set(framed(bias=0.0)()) == {"train", "test"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"classes": [1]}, "name two at least"),
        ({"classes": [1, 1]}, "each once"),
        ({"textures": ["grass"]}, "one for each"),
        ({"textures": ["grass", "grass"]}, "all different"),
        ({"textures": ["grass", "snow"]}, "there is no texture 'snow'"),
        ({"share": 1.0}, "between 0 and 1"),
        ({"bias": 1.5}, "between 0 and 1"),
        ({"size": 4}, "size"),
    ],
)
def test_refusals_name_the_setting(settings, reason):
    with pytest.raises(SparksError, match=re.escape(reason)):
        framed(**settings)


def test_a_class_that_the_photographs_lack_is_named():
    with pytest.raises(SparksError, match="classes has 7"):
        framed(classes=[0, 7])()
