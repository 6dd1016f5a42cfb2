"""Figures of the stability chapter: what they draw is what the scores say."""

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import MetricRecorder, as_results
from sparks.stats import Bootstrap
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.stability.figure_degradation import Degradation
from sparks_thesis.stability.figure_densities import Densities
from sparks_thesis.stability.figure_distances import MapDistances, curves
from sparks_thesis.stability.scored import KINDS, Scored

from .rows import published, scores

BOOTSTRAP = Bootstrap(resamples=20)


def test_degradation_draws_every_score_at_every_level():
    table = scores()
    draw = Degradation(["MeGe", "ReCo"], {"digits, convnet": "Fashion-MNIST"}, BOOTSTRAP)
    drawing = draw(table, published())
    panels = drawing.figure.axes
    assert len(panels) == 2 * 4  # ours, and the published row below
    scored = Scored(table, BOOTSTRAP)
    line = next(line for line in panels[0].lines if line.get_label() == "RISE")
    assert list(line.get_xdata()) == [0, 30]
    wanted = [
        scored.estimate("digits", "convnet", condition, "RISE", "MeGe").value
        for condition in ("", "weights randomised 30%")
    ]
    assert list(line.get_ydata()) == pytest.approx(wanted)
    theirs = next(line for line in panels[4].lines if line.get_label() == "RISE")
    assert list(theirs.get_ydata()) == [0.9, 0.4]
    assert "12 images of digits" in drawing.caption
    assert "published" in drawing.caption


def test_an_empty_set_is_reported_and_not_drawn():
    drawing = Degradation(["MeGe", "ReCo"], bootstrap=BOOTSTRAP)(scores(unequal=0))
    assert "S≠ is empty for convnet on digits, undegraded: ReCo does not exist" in drawing.caption
    reco = next(line for line in drawing.figure.axes[2].lines if line.get_label() == "RISE")
    assert np.isnan(reco.get_ydata()).all()


def test_mufidelity_has_two_panels():
    drawing = Degradation(["MuFidelity"], bootstrap=BOOTSTRAP)(scores())
    assert len(drawing.figure.axes) == 2
    line = next(line for line in drawing.figure.axes[0].lines if line.get_label() == "RISE")
    assert list(line.get_ydata()) == pytest.approx([0.8, 0.4])


def test_densities_have_area_1_and_say_which_model_is_missing():
    drawing = Densities(["RISE", "Saliency"], ["convnet", "lipschitz"])(scores())
    assert "Not run: lipschitz" in drawing.caption
    assert "6 and 6 of convnet on digits" in drawing.caption
    axis = drawing.figure.axes[0]
    for patch in axis.patches:
        x, y = patch.get_path().vertices.T
        area = abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) / 2
        assert area == pytest.approx(1, rel=1e-6)
    empty = Densities(["RISE"], ["convnet"])(scores(unequal=0))
    assert "no S≠" in {text.get_text() for text in empty.figure.axes[0].texts}


def distances() -> pd.DataFrame:
    rows = [
        {"change": kind, "amount": amount, "method": name, "repeat": image, "seed": 0}
        | {"metric": "MapDistance", "value": amount * (1 if name != "ssim" else -1) + 0.1 * image}
        for kind in ("shift", "noise")
        for amount in (0.0, 1.0, 10.0)
        for name in ("wasserstein", "spearman", "dice", "ssim", "l1", "l2")
        for image in range(2 if kind == "noise" else 1)
    ]
    return as_results(pd.DataFrame(rows))


def test_map_distances_are_averaged_in_order_of_the_amount():
    means = curves(distances()).set_index(["change", "method", "amount"])
    assert means.loc[("noise", "l1", 1.0), "mean"] == pytest.approx(1.05)
    assert means.loc[("shift", "l1", 10.0), "std"] == 0
    drawing = MapDistances()(distances())
    assert "Not monotone here: SSIM under" in drawing.caption
    assert len(drawing.figure.axes) == 12


@pytest.mark.parametrize(
    "draw",
    [Degradation(["MeGe"]), Densities(["RISE"], ["convnet"]), MapDistances()],
    ids=lambda draw: type(draw).__name__,
)
def test_nothing_to_draw_is_refused(draw: object):
    with pytest.raises(SparksError):
        draw(MetricRecorder().table())


def test_degradations_of_published_curves_are_named_as_ours():
    """Else their panels stay empty."""
    files = sorted((CONFIG / "published").glob("fel2022mege_fig*.csv"))
    named = set().union(*(set(pd.read_csv(f).get("degradation", [])) for f in files)) - {""}
    assert {name for name in named if isinstance(name, str)} == set(KINDS)


def test_a_network_that_lacks_a_degradation_of_another_has_no_accuracy_there():
    found = Scored(scores(), BOOTSTRAP)
    assert not np.isnan(found.accuracy("digits", "convnet", "").mean)
    assert np.isnan(found.accuracy("digits", "convnet", "label noise 77%").mean)
