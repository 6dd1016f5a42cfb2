"""Figures of the alignment part: what is drawn is what was given."""

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.harmonization.figures import AlignmentTradeoff, HarmonizedGallery, HumanFeatures


def aligned(model, seed=0, dataset="chimera_biased"):
    rng = np.random.default_rng(seed)
    arrays = {
        "images": rng.random((3, 3, 8, 8)),
        "human": rng.random((3, 8, 8)),
        "saliency": rng.random((3, 8, 8)),
        "labels": np.array([0, 1, 0]),
    }
    return FigureData(dataset, model, arrays, {"classes": ["a", "b"]}, seed)


def test_the_gallery_shows_every_network_of_one_seed():
    drawing = HarmonizedGallery(rows=2)(
        [aligned("n_lambda_0", 1), aligned("n_lambda_0"), aligned("n_lambda_10")]
    )
    assert len(drawing.figure.axes) == 2 * 4  # image, human map, two networks
    assert "simulated" in drawing.caption
    real = HarmonizedGallery(rows=2)([aligned("n_lambda_0", dataset="marked")])
    assert "simulated" not in real.caption
    assert "simulated" not in "".join(axis.get_title() for axis in real.figure.axes)
    with pytest.raises(SparksError):
        HarmonizedGallery()([])


def scores():
    rows = [
        {"model": f"n_lambda_{weight}", "harmonizer_weight": weight, "architecture": "n"}
        | {"metric": metric, "seed": seed, "value": value, **setting}
        for seed in (0, 1)
        for weight, level in ((0, 0.3), (10, 0.5))
        for metric, setting, value in (
            ("Spearman", {"reduction": "max-abs"}, level),
            ("HumanCeiling", {}, 1.0),
            ("Accuracy", {"split": "test"}, level + 0.1),
            ("RevealedAccuracy", {"revealed": 0}, 0.1),
            ("RevealedAccuracy", {"revealed": 0.5}, level),
        )
    ]
    return as_results(pd.DataFrame(rows), dataset="d", image=0)


PUBLISHED = pd.DataFrame(
    [
        ("fel2022harmonization", name, condition, metric, value)
        for name, condition, metric, value in (
            ("ViT", "baseline", "Accuracy", 73.0), ("ViT", "baseline", "Alignment", 29.0),
            ("ViT", "harmonized", "Accuracy", 75.0), ("ViT", "harmonized", "Alignment", 72.0),
            ("dot", "group: CNN", "Accuracy", 60.0), ("dot", "group: CNN", "Alignment", 20.0),
        )
    ] + [
        ("serrurier2023lipschitz", "OTNN", None, "Accuracy", 67.0),
        ("serrurier2023lipschitz", "OTNN", None, "Alignment", 0.54),
    ],
    columns=["paper", "model", "condition", "metric", "value"],
)  # fmt: skip


def test_the_tradeoff_draws_our_points_and_the_published_ones():
    left, right = AlignmentTradeoff()(scores(), PUBLISHED).figure.axes
    points = [line.get_xydata()[0] for line in left.lines if line.get_marker() in "os"]
    assert any(np.allclose(p, (40, 30)) for p in points)
    assert any(np.allclose(p, (60, 50)) for p in points)
    dots = np.concatenate([c.get_offsets() for c in right.collections])
    for wanted in [(73, 29), (75, 72), (60, 20), (67, 54)]:
        assert any(np.allclose(dot, wanted) for dot in dots)
    assert len(right.texts) == 1  # one arrow


def test_the_tradeoff_tells_accuracy_with_the_shortcut_from_accuracy_without():
    biased = scores()[lambda rows: rows["metric"] == "Accuracy"]
    biased = biased.assign(split="test_biased", value=0.9)
    figure = AlignmentTradeoff()(pd.concat([scores(), biased]), PUBLISHED).figure
    training, unbiased, _ = figure.axes
    assert training.get_xlabel() == "accuracy, as in training (%)"
    assert unbiased.get_xlabel() == "accuracy, unbiased (%)"
    for axis, expected in ((training, (90, 50)), (unbiased, (60, 50))):
        points = [line.get_xydata()[0] for line in axis.lines if line.get_marker() in "os"]
        assert any(np.allclose(p, expected) for p in points)


def test_the_curves_are_means_over_seeds():
    (axis,) = HumanFeatures()(scores()).figure.axes
    curves = {line.get_label(): line.get_xydata() for line in axis.lines}
    np.testing.assert_allclose(curves["λ = 10"], [(0, 10), (50, 50)])
