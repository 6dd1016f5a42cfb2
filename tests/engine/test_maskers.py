"""Domains: cells against plain index arithmetic."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparks.engine.maskers import (
    RESIZES,
    Grid,
    Pixels,
    Rows,
    ShiftedGrid,
    Vector,
    cells_of,
    elements_of,
)
from sparks.errors import SparksError

sides = st.integers(1, 9)


@given(rows=sides, columns=sides, height=st.integers(9, 30), width=st.integers(9, 30))
def test_every_pixel_belongs_to_the_cell_it_lies_in(rows, columns, height, width):
    grid = Grid((rows, columns), (height, width))
    numbers = torch.arange(grid.d).float()
    spread = grid.expand(numbers[None])[0, 0]
    # A pixel's cell is that of its centre.
    r, c = (
        torch.tensor([(2 * i + 1) * cells // (2 * side) for i in range(side)])
        for cells, side in ((rows, height), (columns, width))
    )
    assert torch.equal(spread, (r[:, None] * columns + c).float())
    # So is the map of importances, and sums are over the pixels of a cell.
    sharp = Grid((rows, columns), (height, width), resize="nearest")
    assert torch.equal(sharp.to_map(numbers[None])[0], spread)
    area = grid.sums(torch.ones(1, height, width))
    torch.testing.assert_close(grid.sums(spread[None]), area * numbers)


@pytest.mark.parametrize(
    ("cells", "side"), [(7, 64), (9, 64), (9, 28), (9, 32), (6, 224), (9, 224)]
)
def test_cells_that_do_not_divide_the_side_differ_by_a_pixel_and_lean_to_no_side(cells, side):
    """PyTorch's "nearest" has 64 pixels in 7 cells of 10, 9, 9, 9, 9, 9, 9."""
    areas = Grid((cells, 1), (side, 1)).sums(torch.ones(1, side, 1))[0]
    assert areas.max() - areas.min() == 1
    assert torch.equal(areas, areas.flip(0))
    if (cells, side) == (7, 64):
        assert areas.tolist() == [9, 9, 9, 10, 9, 9, 9]


def test_cubic_maps_have_the_coefficient_they_are_named_for():
    """Between pixels of a row 0 0 1 0 0, half way: (9 a ...): the kernel at 1/2 and at 3/2."""
    row = torch.tensor([[0.0, 0, 0, 0, 1, 0, 0, 0, 0]])
    for name, a in (("bicubic", -0.75), ("bicubic-keys", -0.5)):
        spread = Grid((1, 9), (1, 18), resize=name).to_map(row)[0, 0]
        # Of two pixels a cell, the distances to the one that counts are 1/4, 3/4, 5/4 and 7/4.
        for place, t in ((9, 0.25), (10, 0.75), (11, 1.25), (12, 1.75)):
            near = (a + 2) * t**3 - (a + 3) * t**2 + 1
            far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
            assert spread[place].item() == pytest.approx(near if t < 1 else far, abs=1e-6)
    with pytest.raises(SparksError, match="resize='lanczos' is not one of nearest, bilinear"):
        Grid((1, 1), (2, 2), resize="lanczos")


def test_importances_keep_their_size_on_the_map():
    for mode in RESIZES:
        maps = Grid((3, 3), (9, 9), resize=mode).to_map(torch.full((2, 9), 0.25))
        torch.testing.assert_close(maps, torch.full((2, 9, 9), 0.25))


def test_a_shifted_grid_moves_by_up_to_a_cell():
    grid = ShiftedGrid((4, 4), (12, 12))
    cells = torch.rand(1, 16, generator=torch.Generator().manual_seed(0))
    full = Grid((4, 4), (15, 15), mode="bilinear").expand(cells)[0, 0]
    for vertical, horizontal in [(0.0, 0.0), (0.99, 0.0), (0.34, 0.7)]:
        moved = grid.expand(torch.cat([cells, torch.tensor([[vertical, horizontal]])], 1))[0, 0]
        top, left = int(vertical * 3), int(horizontal * 3)
        torch.testing.assert_close(moved, full[top : top + 12, left : left + 12])
    # Every shift of 0 … c - 1 pixels is as likely, and none beyond.
    shifts = torch.rand(3000, generator=torch.Generator().manual_seed(0))
    starts = torch.tensor([int(s * 3) for s in shifts])
    assert torch.equal(starts.unique(), torch.tensor([0, 1, 2]))


def test_a_shifted_grid_is_upsampled_to_the_size_of_the_authors_code():
    """Of 64 pixels in 7 cells: c = 10, and 7 cells on 8 * 10 pixels, as scikit-image resizes."""
    from skimage.transform import resize

    cells = torch.rand(7, 7, generator=torch.Generator().manual_seed(0)).round()
    large = resize(cells.numpy(), (80, 80), order=1, mode="edge", anti_aliasing=False)
    shifts = torch.tensor([0.35, 0.8])
    got = ShiftedGrid((7, 7), (64, 64)).expand(torch.cat([cells.flatten(), shifts])[None])[0, 0]
    torch.testing.assert_close(got, torch.from_numpy(large)[3:67, 8:72], atol=1e-6, rtol=0)


def test_features_follow_the_kind_of_input():
    assert cells_of(torch.rand(2, 3, 8, 10), 4) == Grid((4, 4), (8, 10))
    assert cells_of(torch.rand(2, 7), 4) == Vector(7)
    assert cells_of(torch.rand(2, 7, 3), 4) == elements_of(torch.rand(2, 7, 3)) == Rows(7)
    assert elements_of(torch.rand(2, 3, 8, 10)) == Pixels((8, 10))
    with pytest.raises(SparksError, match="cannot be masked"):
        cells_of(torch.rand(2, 3, 4, 5, 6), 4)
    with pytest.raises(SparksError, match="grid 9x9 does not fit an image of 8x8"):
        cells_of(torch.rand(1, 1, 8, 8), 9)
