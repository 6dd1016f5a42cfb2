"""What images of maps show: lines around areas, and colours that grow brighter."""

import numpy as np

from sparks_thesis.common.images import heated, lit, outline


def test_a_line_runs_inside_of_the_area_and_not_along_the_edge_of_the_image():
    inside = np.zeros((1, 7, 9), bool)
    inside[0, 2:, 1:6] = True  # reaches the lower edge
    expected = inside.copy()
    expected[0, 3:, 2:5] = False
    assert np.array_equal(outline(inside, 1), expected)
    assert np.array_equal(outline(inside, 9), inside)
    assert not outline(np.ones((2, 4, 4), bool), 2).any()


def test_a_line_has_its_colour_around_what_is_above_half():
    images = np.full((1, 3, 8, 8), 200, np.uint8)
    maps = np.zeros((1, 8, 8), np.uint8)
    maps[0, 2:6, 2:6] = 255
    shown = lit(images, maps, "#0072B2")
    coloured = (shown[0] == np.array([0x00, 0x72, 0xB2])[:, None, None]).all(0)
    assert np.array_equal(coloured, outline(maps >= 128, 1)[0])
    assert (shown[0, :, 3, 3] == 200).all()
    assert np.array_equal(lit(images, maps)[0, :, 3, 3], shown[0, :, 3, 3])


def test_heat_leaves_grey_what_is_cold_and_grows_brighter():
    images = np.zeros((1, 3, 2, 6), np.uint8)
    images[:, 0] = 90
    maps = np.tile(np.array([0, 51, 102, 153, 204, 255], np.uint8), (1, 2, 1))
    shown = heated(images, maps).astype(int)
    assert len(set(shown[0, :, 0, 0])) == 1
    assert (np.diff(shown[0].sum(0)[0]) > 0).all()
