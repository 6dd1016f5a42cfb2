"""The gallery from made-up maps."""

import numpy as np
import pytest
import torch
from PIL import Image

from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.gallery import Gallery
from sparks_thesis.common.style import save


def images(with_parts, side=8):
    generator = torch.Generator().manual_seed(0)
    parts = torch.zeros(6, side, side, dtype=torch.uint8)
    parts[:, 2:5, 2:5] = 1
    return ImageSet(
        labels=torch.tensor([0, 1, 2, 0, 1, 2]),
        classes=("a", "b", "c"),
        images=torch.randint(0, 256, (6, 3, side, side), dtype=torch.uint8, generator=generator),
        truth={"parts": parts} if with_parts else {},
        tables={"parts": ["p"], "class_parts": {"a": ["p"], "b": ["p"], "c": []}},
    )


def explained(method, scale, dataset="known"):
    maps = np.float32(scale) * np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    arrays = {"maps": maps.repeat(6, 0), "target": np.array([0, 1, 0, 0, 1, 0])}
    return FigureData(dataset, "net", arrays, {}, method=method)


@pytest.fixture
def drawing():
    sets = {"known": images(True), "unknown": images(False, side=16)}
    maps = [explained("A", 1.0), explained("B", 100.0), explained("A", 1.0, "unknown")]
    return Gallery(rows=3)(sets, maps)


def test_one_row_an_image_and_one_column_a_method(drawing):
    titles = [axis.get_title() for axis in drawing.figure.axes if axis.get_title()]
    # The data set with the larger images comes first.
    assert titles == ["unknown\nnet", "A", "B", "known\nnet", "A", "B"]
    assert len(drawing.figure.axes) == 6 * 3 + 1  # and the colour bar


def test_parts_are_outlined_where_they_are_known(drawing):
    outlined = [len(axis.collections) for axis in drawing.figure.axes[:-1]]
    assert outlined == [0] * 9 + [2, 0, 0] * 3  # a line on a wider one


def test_maps_of_different_size_get_the_same_colours(drawing):
    over = [axis.images[1] for axis in drawing.figure.axes if len(axis.images) == 2]
    assert len(over) == 3 * 3
    for image in over:
        np.testing.assert_allclose(image.get_array(), over[0].get_array(), rtol=1e-5)
        assert image.get_clim() == (-1, 1)
        # The image below shows through where the map is 0, and not where it is strongest.
        assert image.get_alpha().max() == 1
        np.testing.assert_array_less(image.get_alpha()[abs(image.get_array()) < 0.05], 0.25)


def test_wrong_predictions_and_missing_maps_are_said(drawing):
    labels = [axis.get_ylabel() for axis in drawing.figure.axes]
    assert "a ✗\n(c)" in labels
    texts = [text.get_text() for axis in drawing.figure.axes for text in axis.texts]
    assert texts.count("n/a") == 3


def test_same_maps_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        drawn = Gallery(rows=2)({"known": images(True)}, [explained("A", 1.0)])
        for end in ("png", "pdf"):
            save(drawn.figure, tmp_path / f"{name}.{end}")
    for end in ("png", "pdf"):
        assert (tmp_path / f"one.{end}").read_bytes() == (tmp_path / f"two.{end}").read_bytes()


def test_a_figure_says_where_it_comes_from(drawing, tmp_path):
    origin = '{"made by": "sparks", "item": "fig-gallery"}'
    for end in ("png", "pdf"):
        save(drawing.figure, tmp_path / f"figure.{end}", origin)
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.info["Description"] == origin
    assert f"/Subject ({origin})".encode() in (tmp_path / "figure.pdf").read_bytes()


def test_no_map_is_refused():
    with pytest.raises(SparksError, match="no map to show"):
        Gallery()({}, [])
