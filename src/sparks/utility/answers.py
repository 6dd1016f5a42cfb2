"""Answers of meta-predictors, checked and counted."""

from __future__ import annotations

import pandas as pd

from sparks.errors import SparksError

COLUMNS = (
    "participant", "condition", "scenario", "session", "trial", "answer", "model", "correct",
)  # fmt: skip
BASELINE, CONTROL = "Baseline", "Control"
# One row a participant and session: what every measure starts from.
SESSIONS = ("scenario", "condition", "participant", "session", "accuracy", "trials")


def checked(answers: pd.DataFrame) -> pd.DataFrame:
    """Check a table of answers, and return its columns `COLUMNS`.

    Args:
        answers: one row an answer; see the package for the columns.

    Raises:
        SparksError: when the table is empty, a column or a value is missing, `correct` is not
            whether `answer` equals `model`, a question was answered twice, or a participant took
            part in two conditions.
    """
    if missing := [name for name in COLUMNS if name not in answers]:
        raise SparksError(f"answers have no column {missing[0]!r}; needed: {', '.join(COLUMNS)}")
    table = answers[list(COLUMNS)]
    if table.empty:
        raise SparksError("there is no answer: no Utility without participants")
    if table.isna().any(axis=None):
        column = table.columns[table.isna().any()][0]
        raise SparksError(f"answers: a value of {column!r} is missing; leave such rows out")
    right = table["answer"].astype(str) == table["model"].astype(str)
    wrong = table[right != table["correct"].astype(bool)]
    if len(wrong):
        raise SparksError(
            f"answers: `correct` of participant {wrong['participant'].iloc[0]}, session "
            f"{wrong['session'].iloc[0]}, trial {wrong['trial'].iloc[0]} is not whether the answer "
            "is the model's output"
        )
    twice = table[table.duplicated(["scenario", "participant", "session", "trial"])]
    if len(twice):
        raise SparksError(
            f"answers: participant {twice['participant'].iloc[0]} answered trial "
            f"{twice['trial'].iloc[0]} of session {twice['session'].iloc[0]} twice"
        )
    conditions = table.groupby(["scenario", "participant"])["condition"].nunique()
    if (conditions > 1).any():
        who = conditions[conditions > 1].index[0][1]
        raise SparksError(
            f"answers: participant {who} took part in several conditions; the design is between "
            "subjects"
        )
    return table


def session_accuracies(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy of each participant in each session.

    Args:
        answers: one row an answer; see the package for the columns.

    Returns:
        One row a participant and session, with the columns scenario, condition, participant,
        session, accuracy (share of right answers, in [0, 1]) and trials (number of answers).

    Raises:
        SparksError: when the table is empty, a column or a value is missing, `correct` is not
            whether `answer` equals `model`, a question was answered twice, or a participant took
            part in two conditions.

    Example:
        >>> first = session_accuracies(answers).query("session == 1")
        >>> dict(zip(first["participant"], first["accuracy"]))
        {'Ann': 0.25, 'Ben': 0.75, 'Cleo': 0.5, 'Dan': 1.0}
    """
    table = checked(answers)
    table = table.assign(correct=table["correct"].astype(float))
    keys = ["scenario", "condition", "participant", "session"]
    grouped = table.groupby(keys, sort=False)["correct"].agg(accuracy="mean", trials="size")
    return grouped.reset_index()[list(SESSIONS)]


def sessions_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracies of participants that a table of results holds, as `SESSIONS` says.

    Args:
        table: results (`sparks.results`), of which the rows of the metric "MetaPredictorAccuracy"
            are read. Their `method` is the condition; the scenario becomes "model on data set".
    """
    rows = table[table["metric"] == "MetaPredictorAccuracy"]
    return pd.DataFrame(
        {
            "scenario": rows["model"] + " on " + rows["dataset"],
            "condition": rows["method"],
            "participant": rows["seed"].astype(str) + "/" + rows["participant"].astype(str),
            "session": rows["session"].astype(int),
            "accuracy": rows["value"],
            "trials": 0,
        }
    )
