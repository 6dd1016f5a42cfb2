"""Stratified choices keep every class's share, at any length."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparks.data.imageset import ImageSet
from sparks.data.splits import stratified_order, stratified_split, stratified_subset
from sparks.errors import SparksError

labels_lists = st.lists(st.integers(0, 4), min_size=1, max_size=60)


@given(labels=labels_lists, seed=st.integers(0, 9))
def test_every_prefix_holds_the_classes_in_their_proportions(labels: list[int], seed: int) -> None:
    tensor = torch.tensor(labels)
    order = stratified_order(tensor, seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    present = tensor.unique()
    total = torch.bincount(tensor, minlength=5)
    for n in range(1, len(labels) + 1):
        count = torch.bincount(tensor[order[:n]], minlength=5)
        # No class is more than one image ahead of any other class's share.
        share = count[present] / total[present]
        assert (share - 1 / total[present]).max() <= share.min() + 1e-6
        if n >= len(present):
            assert (count[present] > 0).all()


@given(labels=labels_lists, seed=st.integers(0, 9), share=st.floats(0.05, 0.95))
def test_a_split_parts_the_images(labels: list[int], seed: int, share: float) -> None:
    n = len(labels)
    pixels = torch.arange(n, dtype=torch.uint8)[:, None, None, None]
    images = ImageSet(torch.tensor(labels), tuple("abcde"), pixels)
    splits = stratified_split(images, share, seed)
    both = [splits[name].images.flatten().tolist() for name in ("train", "test")]
    assert sorted(both[0] + both[1]) == list(range(n))
    assert len(both[1]) == round(share * n)
    again = stratified_split(images, share, seed)["test"].images
    assert torch.equal(again, splits["test"].images)


def test_a_subset_is_stratified_and_keeps_the_order() -> None:
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    images = ImageSet(
        labels, ("a", "b", "c"), torch.arange(100, dtype=torch.uint8)[:, None, None, None]
    )
    chosen = stratified_subset(images, 20, seed=3)
    assert chosen.labels.bincount().tolist() == [12, 6, 2]
    assert chosen.images is not None
    assert (chosen.images.flatten().int().diff() > 0).all()
    assert stratified_subset(images, None, seed=3) is images
    assert stratified_subset(images, 100, seed=3) is images
    other = stratified_subset(images, 20, seed=4).images
    assert not torch.equal(chosen.images, other)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_outside_the_unit_interval_is_refused(share: float) -> None:
    images = ImageSet(torch.tensor([0]), ("a",), torch.zeros(1, 1, 1, 1, dtype=torch.uint8))
    with pytest.raises(SparksError, match="test_share"):
        stratified_split(images, share, 0)
