"""The figure of steering shows the numbers it is given."""

import pytest

from sparks_thesis.steering.figures import Steering

from ..common.rows import DEPTHS, results, row


def test_steering_tells_where_it_stops_being_linear():
    names = ("Logit", "OtherLogits", "Nonlinearity", "OtherConcepts", "Distance", "Norm", "Angle")
    table = results(
        [
            row(f"Steering{name}", t * bend, method, layer=layer, t=t, image=image)
            for name in names
            for method in ("concept", "shuffled", "other class")
            for layer, bend in (("z_first", 0.15), ("a_last", 0.0))
            for t in (0.5, 1.0, 2.0)
            for image in range(3)
        ]
        + DEPTHS
    )
    drawing = Steering()(table)
    assert "for the own concept from t = 1 at z_first, never at a_last. Other" in drawing.caption
    line = drawing.figure.axes[2].get_lines()[0]
    assert list(line.get_ydata()) == pytest.approx([0.075, 0.15, 0.3])
