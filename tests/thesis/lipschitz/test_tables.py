"""Tables on 1-Lipschitz networks, their numbers counted by hand."""

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks_thesis.lipschitz.tables import Lipschitz, LipschitzMore

from ..common.network_rows import rows

PUBLISHED = pd.DataFrame(
    [
        ("Fashion-MNIST", "OTNN", "baseline Zero", "Saliency", "MuFidelity", 0.246),
        ("Fashion-MNIST", "OTNN", "Spearman", "Saliency", "Stability", 0.59),
        ("Fashion-MNIST", "OTNN", None, "Saliency", "SaliencySmoothGradDistance", 7.5e-3),
        ("BlockMNIST", "OTNN", "top 10%", "Saliency", "NullBlockRate", 1.8),
        ("BlockMNIST", "unconstrained", "top 10%", "Saliency", "NullBlockRate", 44.8),
    ],
    columns=["dataset", "model", "condition", "method", "metric", "value"],
)


def test_metrics_of_maps_stand_beside_the_published_ones():
    scores = pd.concat(
        [
            rows("net", "MuFidelity", [0.1, 0.3], "baseline Zero", "Saliency"),
            rows("net", "AverageStabilityRank", [0.5, 0.7], "", "Saliency"),
            rows("net", "Accuracy", [1, 1], "test"),
        ]
    )
    table = Lipschitz()(scores, PUBLISHED)
    ours, theirs = table.shown.to_dict("records")
    assert ours["MuFidelity, zero ↑"].startswith("0.200")
    assert ours["Deletion ↓"] == ""
    assert theirs["model"] == "OTNN (published)"
    assert theirs["Stability (1 − ρ) ↓"] == "0.59"
    assert theirs["to SmoothGrad (ℓ2) ↓"] == "0.0075"
    assert set(table.numbers["source"]) == {"here", "published"}
    with pytest.raises(SparksError, match="no maps"):
        Lipschitz()(rows("net", "Accuracy", [1.0], "test"), PUBLISHED)


def test_broken_certificates_are_counted():
    scores = pd.concat(
        [
            rows("net", "Accuracy", [1, 1, 1, 0], "test"),
            rows("net", "CertifiedRadius", [1.0, 1.0, 1.0]),
            rows("net", "AttackNorm", [2.0, 0.5, np.nan]),
            rows("net", "NullBlockRate", [0.2, 0.4], 10, "Saliency"),
            rows("baseline", "Accuracy", [1, 1], "test"),
        ]
    )
    table = LipschitzMore(tops=[10])(scores, PUBLISHED)
    shown = table.shown.set_index("model")
    assert shown.loc["net", "certificates broken"] == "1 of 3"
    assert shown.loc["baseline", "certificates broken"] == ""
    assert shown.loc["net", "accuracy %"].startswith("75.0")
    assert shown.loc["net", "null block, top 10 %"].startswith("30.0")
    assert "44.8 % unconstrained, 1.8 %" in table.caption
