"""The tables of data sets, of models and of times, from made-up numbers."""

import pandas as pd

from sparks_thesis.overview.table_data_models import DataModels
from sparks_thesis.overview.table_training_time import TrainingTime

from ..common.rows import scores


def test_data_models_counts_right_answers_once():
    right = scores({("", "Accuracy"): [1.0, 1.0, 1.0, 0.0]}).assign(split="test")
    twice = pd.concat([right, right.assign(experiment="other")])
    history = pd.DataFrame(
        {"dataset": "d", "model": "m", "seed": 0, "epoch": [1, 2], "images": 90, "parameters": 1234}
    )
    made = DataModels()(twice, history)
    cell = made.shown.iloc[0]
    assert cell["accuracy %"].startswith("75.0 [")
    assert cell["majority %"] == "–"
    most = scores({("", "MajorityAccuracy"): [1.0, 1.0, 0.0, 0.0]}).assign(split="test")
    made = DataModels()(pd.concat([twice, most]), history)
    assert made.shown.iloc[0]["majority %"] == "50.0"
    assert (cell["parameters"], cell["epochs"], cell["test images"]) == ("1,234", "2", "4")


def test_training_time_is_sorted_and_rounded():
    time = pd.DataFrame({"dataset": ["b", "a"], "model": "m", "seed": 0, "value": [1.26, 100.0]})
    assert TrainingTime()(time).shown["seconds"].tolist() == ["100.0", "1.3"]
