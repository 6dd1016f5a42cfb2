"""Tidy rows of the experiment `utility`, made up, with the paper's numbers beside them."""

from pathlib import Path

import numpy as np
import pandas as pd

from sparks.results import as_results
from sparks_thesis.utility.proxies import PROXIES
from sparks_thesis.utility.published import recomputed
from sparks_thesis.utility.scored import SIX

PUBLISHED = Path(__file__).parents[3] / "config" / "published"
SCENARIOS = {"bias": "husky", "rule": "leaves", "hard": "foxes"}


def printed():
    names = ("table1", "stats", "correlations", "fig4", "fig5", "fig6")
    tables = {n: pd.read_csv(PUBLISHED / f"colin2022utility_{n}.csv") for n in names}
    return recomputed(tables)


def experiment(accuracy, proxies=None, participants=30, noise=0.02, seed=0):
    """Rows of two kinds of participants.

    `accuracy`: scenario → condition → mean; conditions not named have 0.6. `proxies`: scenario →
    method → value of every proxy; else the accuracy itself.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for data, means in accuracy.items():
        names = {"dataset": data, "model": "net"}
        # The same in every condition, so that means differ by what is asked for and nothing else.
        luck = noise * rng.normal(size=(2 * participants, 3))
        for condition in dict.fromkeys(("Baseline", "Control", *SIX, *means)):
            mean = means.get(condition, 0.6)
            for person in range(2 * participants):
                kind = "Exemplar" if person < participants else "Words"
                for session in (1, 2, 3):
                    who = {"learner": kind, "session": session, "participant": person}
                    value = mean + luck[person, session - 1]
                    rows.append({**names, **who, "method": condition, "value": value})
        table = (proxies or {}).get(data, {})
        for method in SIX:
            for proxy in PROXIES:
                value = table.get(method, means.get(method, 0.6))
                rows.append({**names, "method": method, "metric": proxy, "value": value})
        for metric, value in (("ModelAccuracy", 0.7), ("ShownWrong", 0.5)):
            rows.append({**names, "metric": metric, "value": value})
    table = pd.DataFrame(rows).assign(experiment="utility", seed=0)
    table["metric"] = table["metric"].fillna("MetaPredictorAccuracy")
    both = pd.concat([as_results(table), printed()], ignore_index=True)
    return both.assign(experiment="utility")
