"""Digits beside a null block."""

import torch

from sparks.data import BlockDigits, Digits
from sparks.data.blocks import null_block


def test_one_half_holds_the_digit_and_the_other_the_null_block():
    splits, digits = BlockDigits(seed=3)(), Digits(8, 0.2, 3)()
    for name, data in splits.items():
        assert torch.equal(data.labels, digits[name].labels)
        null = data.truth["null"]
        assert null.float().mean() == 0.5
        blocks = data.images[:, 0].view(-1, 2, 8, 16)
        empty = torch.zeros(8, 4, dtype=torch.uint8)
        for i in (0, 1, 2, 3, 50):
            upper = bool(null[i, 0, 0])
            assert torch.equal(blocks[i, 1 - int(upper), :, 4:12], null_block())
            assert torch.equal(blocks[i, int(upper), :, 4:12], digits[name].images[i, 0])
            assert torch.equal(blocks[i, :, :, :4], empty.expand(2, 8, 4))
    share = splits["train"].truth["null"][:, 0, 0].float().mean()
    assert 0.4 < float(share) < 0.6


def test_the_same_seed_gives_the_same_images():
    one, other, third = (BlockDigits(seed=s)()["test"].images for s in (0, 0, 1))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)
