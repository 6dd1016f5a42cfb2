"""The tables of CRAFT, on made-up scores."""

from pathlib import Path

import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks_thesis.craft.table_coherence import CraftCoherence
from sparks_thesis.craft.table_truth import CraftTruth

from ..common.rows import rows

ROOT = Path(__file__).resolve().parents[3]


def truth():
    tables = [rows("LayerDepth", "", [i], layer=v) for i, v in enumerate(("z_first", "a_last"))]
    for layer in ("z_first", "a_last"):
        for method, iou in (("NMF", 0.4), ("PCA", 0.6)):
            for metric in ("IoU", "Purity", "Coverage", "CropsOnPart"):
                tables.append(rows(metric, method, [iou - 0.1, iou + 0.1], "part", layer=layer))
            for metric in ("CausalSpearman", "DiagnosticShare", "DiagnosticEffect"):
                tables.append(
                    rows(metric, method, [0.8, 0.9, 1.0], layer=layer, importance="GradientInput")
                )
    tables += [rows(m, "NMF, chance", [0.0, 0.1], layer="a_last") for m in ("IoU", "CropsOnPart")]
    tables.append(rows("CausalSpearman", "CRAFT", [0.1, 0.2], layer="a_last", importance="TCAV"))
    tables.append(rows("DiagnosticShare", "CRAFT", [0.5, 0.5], layer="a_last", importance="TCAV"))
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
            rows("IntruderAccuracy", "machine", [1, 0, 0, 0], "trial", granularity="concept"),
            rows("IntruderAccuracy", "machine", [1, 1, 0, 0], "trial", granularity="sub-concept"),
            rows("BinaryChoiceRate", "machine", [1, 1, 1, 0], "trial", granularity="sub-concept"),
        ]
    )
    published = pd.read_csv(ROOT / "config/published/fel2023craft_draft_table1.csv")
    shown = CraftCoherence()(scores, published).shown.set_index("who")
    people = shown.loc["experts (published)"]
    assert people.iloc[2:].tolist() == ["70.2", "74.8", "76.1"]
    assert shown.loc["laymen (published)"].iloc[2:].tolist() == ["61.1", "67.0", "75.0"]
    machine = shown.loc["machine"].iloc[2:].tolist()
    assert [cell.split()[0] for cell in machine] == ["25.0", "50.0", "75.0"]
