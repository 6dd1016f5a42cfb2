"""fig-sise on made-up scores."""

import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks_thesis.beyond.figure_sise import METRICS, Beside


def rows(method, metric, value, seed):
    frame = {"dataset": "chimera", "model": "convnet", "method": method, "metric": metric}
    return as_results(pd.DataFrame(frame | {"seed": seed, "image": [0, 1, 2], "value": value}))


def test_networks_of_an_image_are_averaged_before_images_are():
    values = {"SISE": (0.9, 0.5), "Random": (0.1, 0.1)}
    scores = [
        rows(method, metric, value, seed)
        for method, both in values.items()
        for seed, value in enumerate(both)
        for metric in (*METRICS, "PointingChance")
    ]
    drawn = Beside()(pd.concat(scores, ignore_index=True))
    marks = [line for line in drawn.figure.axes[0].lines if line.get_linestyle() == "None"]
    assert sorted(float(line.get_xdata()[0]) for line in marks) == pytest.approx([0.1, 0.7])
    assert "Mean over 3 images, of each over networks of 2 seeds" in drawn.caption
    assert "pointing game ↑ 0.70" in drawn.caption


def test_without_sise_there_is_nothing_to_show():
    with pytest.raises(SparksError, match="needs maps of sise"):
        Beside()(rows("Random", "Deletion", 0.1, 0))
