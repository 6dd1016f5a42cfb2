"""The tables on concepts, on made-up scores."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks_thesis.craft.table_coherence import CraftCoherence
from sparks_thesis.craft.table_truth import CraftTruth
from sparks_thesis.holistic.table_dictionaries import Dictionaries
from sparks_thesis.holistic.table_importance import ImportanceLast

ROOT = Path(__file__).resolve().parents[3]


def rows(metric, values, method="", layer="", unit="image", **columns):
    known = {"dataset": "chimera", "model": "convnet", "seed": 0}
    named = {"metric": metric, "method": method, "layer": layer}
    units = {unit: range(len(values)), "value": values}
    return as_results(pd.DataFrame(known | named | units), **columns)


def truth():
    tables = [rows("LayerDepth", [i], layer=v) for i, v in enumerate(("z_first", "a_last"))]
    for layer in ("z_first", "a_last"):
        for method, iou in (("NMF", 0.4), ("PCA", 0.6)):
            for metric in ("IoU", "Purity", "Coverage", "CropsOnPart"):
                tables.append(rows(metric, [iou - 0.1, iou + 0.1], method, layer, "part"))
            for metric in ("CausalSpearman", "DiagnosticShare", "DiagnosticEffect"):
                tables.append(
                    rows(metric, [0.8, 0.9, 1.0], method, layer, importance="GradientInput")
                )
    tables += [rows(m, [0.0, 0.1], "NMF, chance", "a_last") for m in ("IoU", "CropsOnPart")]
    tables.append(rows("CausalSpearman", [0.1, 0.2], "CRAFT", "a_last", importance="TCAV"))
    tables.append(rows("DiagnosticShare", [0.5, 0.5], "CRAFT", "a_last", importance="TCAV"))
    return pd.concat(tables, ignore_index=True)


def test_truth_lists_the_last_layer_and_the_best_dictionary_first():
    table = CraftTruth()(truth())
    assert table.shown["layer"].tolist() == ["a_last"] * 4 + ["z_first"] * 2
    names = ["PCA", "NMF", "NMF, chance", "CRAFT, TCAV", "PCA", "NMF"]
    assert table.shown["dictionary"].tolist() == names
    crops = table.shown["crops show it ↑"]
    assert [cell[:4] for cell in crops] == ["0.60", "0.40", "0.05", "–", "0.60", "0.40"]
    assert table.shown["IoU ↑"].iloc[0].startswith("0.60 [")
    assert table.shown["IoU ↑"].iloc[3] == "–"
    causes = table.shown["importance: ρ with causal effect ↑"]
    assert causes.iloc[0].startswith("0.90")
    assert causes.iloc[3].startswith("0.15")
    assert "90% lies on the parts that decide" in table.caption


def test_truth_needs_parts():
    with pytest.raises(SparksError, match="whose parts are known"):
        CraftTruth()(truth().query("metric == 'LayerDepth'"))


def test_coherence_puts_the_machine_beside_published_people():
    scores = pd.concat(
        [
            rows("IntruderAccuracy", [1, 0, 0, 0], "machine", unit="trial", granularity="concept"),
            rows(
                "IntruderAccuracy", [1, 1, 0, 0], "machine", unit="trial", granularity="sub-concept"
            ),
            rows(
                "BinaryChoiceRate", [1, 1, 1, 0], "machine", unit="trial", granularity="sub-concept"
            ),
        ]
    )
    published = pd.read_csv(ROOT / "config/published/fel2023craft_draft_table1.csv")
    shown = CraftCoherence()(scores, published).shown.set_index("who")
    people = shown.loc["experts (published)"]
    assert people.iloc[2:].tolist() == ["70.2", "74.8", "76.1"]
    assert shown.loc["laymen (published)"].iloc[2:].tolist() == ["61.1", "67.0", "75.0"]
    machine = shown.loc["machine"].iloc[2:].tolist()
    assert [cell.split()[0] for cell in machine] == ["25.0", "50.0", "75.0"]


def test_dictionaries_best_reconstruction_first():
    last = {"analysis": "last", "concepts": 10}
    scores = pd.concat(
        [
            rows(metric, [0.5 * value, 1.5 * value], method, unit="target", **last)
            for metric in ("RelativeL2", "Sparsity", "Stability")
            for method, value in (("NMF", 0.25), ("PCA", 0.125))
        ]
    )
    # A score that exists for no class is a dash; one that exists for some is their mean.
    none = rows("RelativeFrechet", [np.nan, np.nan], "PCA", unit="target", **last)
    some = rows("R2", [np.nan, 0.5], "PCA", unit="target", **last)
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
            rows("IdentityError", [1e-7, 3e-7], "Occlusion", "late"),
            rows("IdentitySpearman", [1.0, 1.0], "Occlusion", "late"),
            rows("C-Deletion", [2.0, 4.0], "Occlusion", "late"),
            rows("C-Deletion", [90.0, 90.0], "Occlusion", "early"),
            rows("C-Deletion", [5.0, 5.0], "TCAV", "late"),
        ]
    )
    shown = ImportanceLast()(scores).shown
    assert shown["method"].tolist() == ["Occlusion", "TCAV"]
    assert shown["largest error"].tolist() == ["3.0e-07", "–"]
    assert shown["C-Deletion ↓"].iloc[0].startswith("3.00")
