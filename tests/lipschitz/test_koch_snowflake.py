"""Koch snowflakes against their known length and area, and the plane they are drawn in."""

import numpy as np
import pytest
import torch
from matplotlib.path import Path

from sparks.errors import SparksError
from sparks.lipschitz import HKR, koch, snowflakes
from sparks.models import seeded
from sparks.models.lipschitz import LipschitzMLP
from sparks.training import Settings, fit


@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_snowflake_has_its_length_and_area(order):
    corners = koch(1.0, order)
    assert len(corners) == 3 * 4**order
    step = np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1)
    np.testing.assert_allclose(step, np.sqrt(3) / 3**order)
    x, y = corners.T
    area = 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))
    triangle = 3 * np.sqrt(3) / 4
    assert area == pytest.approx(triangle * (8 - 3 * (4 / 9) ** order) / 5)


def test_points_lie_on_the_curves_and_the_inner_one_inside():
    data = snowflakes(50, inner=1.0, outer=2.0, order=2)
    assert torch.bincount(data.labels).tolist() == [50, 50]
    corners = koch(2.0, 2)
    start, side = corners, np.roll(corners, -1, 0) - corners
    for point in data.points[data.labels == 0].numpy():
        along = np.clip(((point - start) * side).sum(1) / (side**2).sum(1), 0, 1)
        distance = np.linalg.norm(start + along[:, None] * side - point, axis=1).min()
        assert distance < 1e-6
    assert Path(corners).contains_points(data.points[data.labels == 1].numpy()).all()
    with pytest.raises(SparksError, match="radius"):
        koch(-1.0, 2)


def test_hkr_separates_them():
    with seeded(0):
        net = LipschitzMLP(2, 1, (32, 32))
    data = snowflakes(200, order=2)
    settings = Settings(
        epochs=20, batch_size=100, lr=0.01, weight_decay=0, precision="fp32", validation=0
    )
    fit(net, data, None, settings, 0, "cpu", loss=HKR(0.9, 0.4))
    value = net.eval()(data.points)[:, 0]
    assert ((value > 0) == (data.labels == 1)).float().mean() > 0.9
    assert len(list(data.batches(150))) == 3
