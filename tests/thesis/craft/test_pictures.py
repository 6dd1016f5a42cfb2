"""Images that the figures of a class show: those that the model is right about come first."""

import torch

from sparks_thesis.craft.study import OneClass


def test_images_of_the_class_come_before_mistakes():
    right = torch.tensor([False, True, False, True])
    x, index = torch.zeros(4, 3, 2, 2), torch.tensor([7, 8, 9, 11])
    one = OneClass(1, "chain saw", x, x, index, right, [])
    assert index[one.right_first].tolist() == [8, 11, 7, 9]
