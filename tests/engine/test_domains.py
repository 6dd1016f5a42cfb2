"""Domains: cells against plain index arithmetic."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparks.engine.domains import Grid, Pixels, Rows, ShiftedGrid, Vector, cells_of, elements_of
from sparks.errors import SparksError

sides = st.integers(1, 9)


@given(rows=sides, columns=sides, height=st.integers(9, 30), width=st.integers(9, 30))
def test_every_pixel_belongs_to_the_cell_it_lies_in(rows, columns, height, width):
    grid = Grid((rows, columns), (height, width))
    numbers = torch.arange(grid.d).float()
    spread = grid.expand(numbers[None])[0, 0]
    # A pixel's cell is that of its upper left corner.
    r = torch.arange(height) * rows // height
    c = torch.arange(width) * columns // width
    assert torch.equal(spread, (r[:, None] * columns + c).float())
    # Pooling undoes spreading, whatever the sizes of the cells.
    torch.testing.assert_close(grid.pool(spread[None]), numbers[None])


def test_importances_keep_their_size_on_the_map():
    for mode in ("nearest", "bilinear", "bicubic"):
        maps = Grid((3, 3), (9, 9), resize=mode).to_map(torch.full((2, 9), 0.25))
        torch.testing.assert_close(maps, torch.full((2, 9, 9), 0.25))


def test_a_shifted_grid_moves_by_up_to_a_cell():
    grid = ShiftedGrid((4, 4), (12, 12))
    cells = torch.rand(1, 16, generator=torch.Generator().manual_seed(0))
    full = Grid((4, 4), (15, 15), mode="bilinear").expand(cells)[0, 0]
    for vertical, horizontal in [(0.0, 0.0), (1.0, 0.0), (0.34, 1.0)]:
        moved = grid.expand(torch.cat([cells, torch.tensor([[vertical, horizontal]])], 1))[0, 0]
        top, left = round(vertical * 3), round(horizontal * 3)
        torch.testing.assert_close(moved, full[top : top + 12, left : left + 12])


def test_features_follow_the_kind_of_input():
    assert cells_of(torch.rand(2, 3, 8, 10), 4) == Grid((4, 4), (8, 10))
    assert cells_of(torch.rand(2, 7), 4) == Vector(7)
    assert cells_of(torch.rand(2, 7, 3), 4) == elements_of(torch.rand(2, 7, 3)) == Rows(7)
    assert elements_of(torch.rand(2, 3, 8, 10)) == Pixels((8, 10))
    with pytest.raises(SparksError, match="cannot be masked"):
        cells_of(torch.rand(2, 3, 4, 5, 6), 4)
    with pytest.raises(SparksError, match="grid 9x9 does not fit an image of 8x8"):
        cells_of(torch.rand(1, 1, 8, 8), 9)
