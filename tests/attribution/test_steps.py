"""The steps of one Sobol explanation, against a model whose indices are known."""

import torch

from sparks.attribution import Sobol
from sparks.attribution.steps import steps

from .nets import Linear, cell_sums, images

METHOD = Sobol(grid=4, points=1024)


def kept():
    x, target = images(n=1)
    model = Linear(2, 8, 8)
    with torch.no_grad():
        return steps(METHOD, model, x, target[:1]), model, x, target[:1]


def test_indices_are_those_of_an_additive_function_and_lie_in_their_intervals():
    found, model, x, target = kept()
    # The logit is Σ over cells of mask × (Σ weight × pixel): both indices are shares of squares.
    share = cell_sums(model.weight[target].detach() * x, 4)[0].double() ** 2
    share = share / share.sum()
    for order in ("first", "total"):
        torch.testing.assert_close(found[order], share, atol=0.03, rtol=0)
        inside = (found[f"{order}_low"] <= share) & (share <= found[f"{order}_high"])
        assert inside.double().mean() > 0.8


def test_what_is_shown_is_what_was_scored():
    found, model, x, target = kept()
    torch.testing.assert_close(found["inputs"], x * found["masks"][:, None])
    with torch.no_grad():
        torch.testing.assert_close(
            model(found["inputs"])[:, target[0]], found["scores"][found["rows"]]
        )
        torch.testing.assert_close(model(x)[0, target], found["whole"])


def test_swapped_masks_differ_in_one_cell():
    found, *_ = kept()
    assert found["swapped"].tolist() == 2 * [
        -1,
        int(found["total"].argmax()),
        int(found["total"].argmin()),
    ]
    for start in (0, 3):
        for place in (1, 2):
            changed = (found["masks"][start] != found["masks"][start + place]).float()
            cells = cell_sums(changed[None, None], 4)[0]
            assert cells.nonzero().flatten().tolist() == [int(found["swapped"][start + place])]
