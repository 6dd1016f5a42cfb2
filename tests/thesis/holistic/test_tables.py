"""The tables of the holistic framework, on made-up scores."""

import numpy as np
import pandas as pd

from sparks_thesis.holistic.table_dictionaries import Dictionaries
from sparks_thesis.holistic.table_importance import ImportanceLast

from ..common.rows import rows


def test_dictionaries_best_reconstruction_first():
    last = {"analysis": "last", "concepts": 10}
    scores = pd.concat(
        [
            rows(metric, method, [0.5 * value, 1.5 * value], "target", **last)
            for metric in ("RelativeL2", "Sparsity", "Stability")
            for method, value in (("NMF", 0.25), ("PCA", 0.125))
        ]
    )
    # A score that exists for no class is a dash; one that exists for some is their mean.
    none = rows("RelativeFrechet", "PCA", [np.nan, np.nan], "target", **last)
    some = rows("R2", "PCA", [np.nan, 0.5], "target", **last)
    table = Dictionaries()(pd.concat([scores, none, some]))
    assert table.shown["dictionary"].tolist() == ["PCA", "NMF"]
    assert table.shown["Fréchet ↓"].iloc[0] == "–"
    assert table.shown["R² ↑"].iloc[0] == "0.500"
    assert table.shown["relative ℓ2 ↓"].iloc[0] == "0.125 [0.062, 0.188]"
    assert table.shown["OOD ↓"].tolist() == ["–", "–"]
    assert "mean over 2 classes" in table.caption


def test_last_layer_shows_the_largest_error_and_no_other_layer():
    scores = pd.concat(
        [
            rows("IdentityError", "Occlusion", [1e-7, 3e-7], layer="late"),
            rows("IdentitySpearman", "Occlusion", [1.0, 1.0], layer="late"),
            rows("C-Deletion", "Occlusion", [2.0, 4.0], layer="late"),
            rows("C-Deletion", "Occlusion", [90.0, 90.0], layer="early"),
            rows("C-Deletion", "TCAV", [5.0, 5.0], layer="late"),
        ]
    )
    shown = ImportanceLast()(scores).shown
    assert shown["method"].tolist() == ["Occlusion", "TCAV"]
    assert shown["largest error"].tolist() == ["3.0e-07", "–"]
    assert shown["C-Deletion ↓"].iloc[0].startswith("3.00")
