"""The figures on EVA are drawn from what the study kept, and refuse a study that kept nothing."""

import numpy as np
import pytest

from sparks.errors import SparksError
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.eva.figure_exploration import Exploration
from sparks_thesis.eva.figure_targeted import Targeted

RNG = np.random.default_rng(0)


def kept(**arrays):
    metadata = {"config": {"studies.eva": {"detailed": {"toward": 0.2}}}}
    return FigureData("digits", "mlp", arrays, metadata)


def explored():
    certified = np.sort(RNG.normal(size=(3, 4)), 1)[:, ::-1]
    parts = {
        "image": RNG.random((1, 8, 8)),
        "epsilon": np.array([0.05]),
        "slice": RNG.normal(size=(9, 9)),
        "samples": RNG.normal(0, 0.1, (20, 2)),
        "path": np.array([[0.0, 0.0], [0.5, 0.1]]),
        "radii": np.array([0.01, 0.02, 0.05]),
        "sampled": certified[:, -1] - 2,
        "attacked": certified[:, -1] - 1,
        "certified": certified,
    }
    return {f"explored/{name}": values for name, values in parts.items()}


def test_a_slice_and_the_curves_of_every_bound_are_drawn():
    drawing = Exploration()([kept(target=np.zeros(1)), kept(**explored())])
    picture, slice_, curves = drawing.figure.axes[:3]
    assert picture.get_legend() is not None
    labels = [line.get_label() for line in curves.lines]
    assert labels[:4] == [
        f"proved, {b}" for b in ("IBP", "Forward", "Backward", "IBP+Forward+Backward")
    ]
    proved = np.stack([line.get_ydata() for line in curves.lines[:4]])
    attacked = curves.lines[4].get_ydata()
    assert (proved >= attacked).all()
    assert slice_.get_xlim() == (-1, 1)
    assert "radius 0.05" in drawing.caption
    with pytest.raises(SparksError, match="no slice"):
        Exploration()([kept(target=np.zeros(1))])


def test_targeted_maps_share_one_scale_and_name_both_classes():
    arrays = {
        "images": RNG.random((5, 1, 8, 8)),
        "target": np.array([3, 3, 1, 7, 1]),
        "toward": np.array([5, 8, 7, 1, 2]),
        "targeted/add": RNG.random((5, 8, 8)),
        "targeted/remove": 2 * RNG.random((5, 8, 8)),
    }
    drawing = Targeted(images=3)([kept(**arrays)])
    rows = np.array(drawing.figure.axes).reshape(3, 4)
    assert [row[0].get_ylabel() for row in rows] == ["3 → 5", "1 → 7", "7 → 1"]
    for row in rows:
        limits = {axis.images[0].get_clim() for axis in row[1:3]}
        assert len(limits) == 1
    with pytest.raises(SparksError, match="no map"):
        Targeted()([kept(target=np.zeros(1))])
