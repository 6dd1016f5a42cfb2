"""Tidy rows of the experiment `utility`, made up, with the paper's numbers beside them."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from sparks.results import as_results
from sparks_thesis.utility.proxies import PROXIES
from sparks_thesis.utility.published import recomputed
from sparks_thesis.utility.scored import SIX

PUBLISHED = Path(__file__).parents[3] / "config" / "published"
SCENARIOS = {"bias": "husky", "rule": "leaves", "hard": "foxes"}


@cache
def printed():
    """What follows from the paper's tables; not to be changed."""
    names = ("table1", "stats", "correlations", "fig4", "fig5", "fig6")
    tables = {n: pd.read_csv(PUBLISHED / f"colin2022utility_{n}.csv") for n in names}
    return recomputed(tables)


def experiment(accuracy, proxies=None, participants=30, noise=0.02, seed=0):
    """Rows of two kinds of participants.

    `accuracy`: scenario → condition → mean; conditions not named have 0.6. `proxies`: scenario →
    method → value of every proxy; else the accuracy itself.
    """
    rng = np.random.default_rng(seed)
    rows, more = [], []
    for data, means in accuracy.items():
        names = {"dataset": data, "model": "net"}
        # The same in every condition, so that means differ by what is asked for and nothing else.
        luck = noise * rng.normal(size=(2 * participants, 3))
        person, session = np.indices(luck.shape).reshape(2, -1)
        who = {"participant": person, "session": session + 1}
        who["learner"] = np.where(person < participants, "Exemplar", "Words")
        for condition in dict.fromkeys(("Baseline", "Control", *SIX, *means)):
            value = means.get(condition, 0.6) + luck.ravel()
            rows.append(pd.DataFrame({**names, **who, "method": condition, "value": value}))
        table = (proxies or {}).get(data, {})
        for method in SIX:
            for proxy in PROXIES:
                value = table.get(method, means.get(method, 0.6))
                more.append({**names, "method": method, "metric": proxy, "value": value})
        for metric, value in (("ModelAccuracy", 0.7), ("ShownWrong", 0.5)):
            more.append({**names, "metric": metric, "value": value})
    table = pd.concat([*rows, pd.DataFrame(more)], ignore_index=True)
    table = table.assign(experiment="utility", seed=0)
    table["metric"] = table["metric"].fillna("MetaPredictorAccuracy")
    both = pd.concat([as_results(table), printed()], ignore_index=True)
    return both.assign(experiment="utility")
