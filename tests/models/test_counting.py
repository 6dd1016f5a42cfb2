"""Counting of passes against counts known by hand."""

import torch
from torch import nn

from sparks.models.counting import Counting


def test_counts_inputs_of_both_directions():
    model = nn.Linear(3, 2)
    x = torch.ones(5, 3, requires_grad=True)
    with Counting(model) as counting:
        model(x)[:, 0].sum().backward()
        with torch.no_grad():
            model(x[:2])
    assert (counting.forwards, counting.backwards) == (7, 5)


def test_stops_counting_after_the_block():
    model = nn.Linear(3, 2)
    with Counting(model) as counting:
        pass
    model(torch.ones(1, 3))
    assert counting.forwards == 0
