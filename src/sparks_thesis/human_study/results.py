"""Results of the human study: accuracy, Utility-K, Utility, ANOVA and Tukey's test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sparks.utility import anova, session_accuracies, summary, tukey
from sparks.utility.answers import BASELINE
from sparks_thesis.human_study.key import Key

if TYPE_CHECKING:
    import pandas as pd

    from sparks.stats import Bootstrap

COLUMNS = ("scenario", "condition", "metric", "session", "k", "mean", "low", "high", "n")


def measure(
    answers: pd.DataFrame, key: Key, bootstrap: Bootstrap, rejected: int = 0
) -> pd.DataFrame:
    """Measure every condition of every scenario.

    Tests are made where every condition has two participants at least.

    Args:
        answers: of `read_answers`.
        key: of the study.
        bootstrap: of the intervals, over participants.
        rejected: how many files did not count.

    Returns:
        The columns of `COLUMNS`: the rows of `sparks.utility.summary`, with k, the examples seen
        before the session's questions (0 for all sessions); of every scenario the one-way ANOVA
        over participants, "F", "P", "Eta2", "Between" and "Within" (degrees of freedom); of every
        condition Tukey's comparison with the baseline, "Difference" with its simultaneous interval
        and "TukeyP"; and "Rejected", files that did not count.

    Raises:
        SparksError: when a scenario has no participant in the baseline.
    """
    import pandas as pd

    sessions = session_accuracies(answers)
    rows: list[Any] = summary(sessions, bootstrap=bootstrap).to_dict("records")
    for scenario, table in sessions.groupby("scenario", sort=False):
        people = table.groupby("condition")["participant"].nunique()
        if len(people) > 1 and people.min() > 1:
            rows += _tested(sessions, str(scenario), people.to_dict())
    rows.append({"metric": "Rejected", "mean": float(rejected)})
    found = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    found = found.fillna({"scenario": "", "condition": "", "session": 0, "n": 0})
    shown = {name: _examples(key, name) for name in key.scenarios}
    places = zip(found["scenario"], found["session"], strict=True)
    found["k"] = [shown.get(scenario, {}).get(int(session), 0) for scenario, session in places]
    found = found.astype({"session": "int64", "k": "int64", "n": "int64"})
    # In the order of the study, not of the participants' new names.
    order = [
        (name, label)
        for name, asked in key.scenarios.items()
        for label in asked.conditions.values()
    ]
    rank = {cell: place for place, cell in enumerate(order)}
    first = {name: place for (name, _), place in reversed(rank.items())}
    ranks = [
        rank.get(cell, first.get(cell[0], len(rank)) - 0.5)
        for cell in zip(found["scenario"], found["condition"], strict=True)
    ]
    return found.iloc[pd.Series(ranks).argsort(kind="stable")].reset_index(drop=True)


def _tested(sessions: pd.DataFrame, scenario: str, n: dict[Any, int]) -> Iterator[dict[str, Any]]:
    test = anova(sessions, scenario)
    values = {"F": test.f, "P": test.p, "Eta2": test.eta2}
    values |= {"Between": float(test.between), "Within": float(test.within)}
    for metric, value in values.items():
        yield {"scenario": scenario, "metric": metric, "mean": value, "n": sum(n.values())}
    for row in tukey(sessions, scenario, BASELINE).to_dict("records"):
        names = {"scenario": scenario, "condition": row["condition"], "n": n[row["condition"]]}
        ends = {"mean": row["difference"], "low": row["low"], "high": row["high"]}
        yield {**names, "metric": "Difference", **ends}
        yield {**names, "metric": "TukeyP", "mean": row["p"]}


def _examples(key: Key, scenario: str) -> dict[int, int]:
    """Session → examples seen before its questions."""
    counts = {s: len(names) for s, names in key.scenarios[scenario].names(examples=True).items()}
    return {session: sum(n for s, n in counts.items() if s <= session) for session in counts}
