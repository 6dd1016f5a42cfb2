"""Statistics implied by the paper's printed numbers: Utility, p-values, effect sizes.

No answer of any participant was published. Accuracies of sessions give Utility; the F of the
analysis of variance and the means give the variance within conditions, hence Tukey's p-values and
an error of every Utility (conditions taken to be equally large); digitised points give
correlations. Everything is a row of results whose `source` says where it comes from: "printed", or
how it was recomputed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sparks.results import as_results
from sparks.stats import correlation
from sparks.utility.answers import BASELINE
from sparks.utility.comparisons import eta2_of
from sparks.utility.measures import trapezoid, utility, utility_k
from sparks_thesis.utility.proxies import PROXIES, SIMILARITY

PRINTED = "printed"
MEAN_RATIO, TRAPEZOID = "mean ratio", "trapezoid"
ALL_SCENARIOS = "all three"
FROM_F = "from F and the means"
RATIO, POINTS = "ratio of accuracies", "digitised points"

Row = dict[str, Any]


def recomputed(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Recompute what can be.

    Args:
        tables: "table1", "stats", "correlations", "fig4", "fig5" and "fig6", as printed.

    Returns:
        Tidy rows; accuracies in [0, 1].
    """
    printed = tables["table1"]
    accuracies = printed[printed["metric"] == "MetaPredictorAccuracy"].pivot(
        index=["dataset", "method"], columns="session", values="value"
    )
    rows = [
        *_utilities(accuracies / 100, printed),
        *_statistics(accuracies.mean(axis=1) / 100, tables["stats"]),
        *_correlations(tables),
    ]
    models = printed.fillna({"model": ""}).groupby("dataset")["model"].first()
    table = pd.DataFrame(rows)
    return as_results(table.assign(model=table["dataset"].map(models)), seed=0)


def _utilities(accuracies: pd.DataFrame, printed: pd.DataFrame) -> Iterator[Row]:
    """Yield accuracies, Utility-K, and Utility: printed, mean of ratios, by the trapezoid rule."""
    for row in printed[printed["metric"] == "Utility"].to_dict("records"):
        names = {"dataset": row["dataset"], "method": row["method"], "metric": "Utility"}
        yield {**names, "source": PRINTED, "value": row["value"]}
    sessions = [int(session) for session in accuracies.columns]
    lines = dict(zip(accuracies.index, accuracies.to_numpy(dtype=float), strict=True))
    for (dataset, method), ours in lines.items():
        names = {"dataset": dataset, "method": method}
        base = lines[dataset, BASELINE]
        for session, value in zip(sessions, ours, strict=True):
            of = {"metric": "MetaPredictorAccuracy", "source": PRINTED}
            yield {**names, "session": session, **of, "value": value}
        if method == BASELINE:
            continue
        for session, value in zip(sessions, utility_k(ours, base), strict=True):
            of = {"metric": "UtilityK", "source": RATIO}
            yield {**names, "session": session, **of, "value": value}
        for how, rule in ((MEAN_RATIO, utility), (TRAPEZOID, trapezoid)):
            yield {
                **names, "source": how, "metric": "Utility", "value": float(rule(ours, base))
            }  # fmt: skip


def _statistics(means: pd.Series, stats: pd.DataFrame) -> Iterator[Row]:
    """Yield what is printed of each scenario's analysis, and what F and the means imply."""
    from scipy.stats import f as f_law

    known = stats[stats["dataset"] != ALL_SCENARIOS].fillna({"method": ""})
    for row in known.to_dict("records"):
        names = {key: row[key] for key in ("dataset", "method", "metric")}
        yield {**names, "source": PRINTED, "value": row["value"]}
        if row["metric"] != "ANOVA F":
            continue
        between, within = int(row["between"]), int(row["within"])
        dataset, f = {"dataset": row["dataset"]}, float(row["value"])
        p, eta2 = float(f_law.sf(f, between, within)), eta2_of(f, between, within)
        yield {**dataset, "metric": "ANOVA p", "source": FROM_F, "value": p}
        yield {**dataset, "metric": "EtaSquared", "source": FROM_F, "value": eta2}
        yield from _pairwise(means[row["dataset"]], f, within, dataset)


def _pairwise(means: pd.Series, f: float, within: int, names: Row) -> Iterator[Row]:
    """Yield Tukey's p against the baseline, and the standard error of each Utility.

    F = n · variance of the means / variance within conditions, with n participants in each.
    """
    from scipy.stats import studentized_range

    count = (within + len(means)) / len(means)
    error = float(np.sqrt(means.var() / f))  # of a condition's mean: s / √n, whatever n
    yield {**names, "metric": "Participants", "source": FROM_F, "value": count}
    for method, mean in means.drop(BASELINE).items():
        of = {**names, "method": method, "source": FROM_F}
        q = abs(mean - means[BASELINE]) / error
        p = float(studentized_range.sf(q, len(means), within))
        yield {**of, "metric": "Tukey HSD p", "value": p}
        ratio = mean / means[BASELINE]
        spread = ratio * error * np.hypot(1 / mean, 1 / means[BASELINE])
        yield {**of, "metric": "UtilityError", "value": spread}


def _correlations(tables: Mapping[str, pd.DataFrame]) -> Iterator[Row]:
    """Yield the digitised points, and Pearson's correlations of them with Utility."""
    printed = tables["table1"]
    known = printed[printed["metric"] == "Utility"].set_index(["dataset", "method"])["value"]
    for figure, proxy in zip(("fig4", "fig5", "fig6"), PROXIES, strict=True):
        points = tables[figure]
        points = points[points["metric"] == proxy]
        for row in points.to_dict("records"):
            names = {key: row[key] for key in ("dataset", "method")}
            yield {**names, "metric": proxy, "source": POINTS, "value": row["value"]}
        groups = dict(list(points.groupby("dataset", sort=False))) | {ALL_SCENARIOS: points}
        for dataset, rows in groups.items():
            usable = rows.dropna(subset="value")
            theirs = known.loc[pd.MultiIndex.from_frame(usable[["dataset", "method"]])]
            found = correlation(usable["value"], theirs)
            names = {"dataset": dataset, "method": proxy, "source": POINTS}
            yield {**names, "metric": "Correlation", "value": found.r}
            yield {**names, "metric": "Correlation p", "value": found.p}
            yield {**names, "metric": "Correlation n", "value": float(found.n)}
    yield from _printed_correlations(tables["correlations"])


def _printed_correlations(table: pd.DataFrame) -> Iterator[Row]:
    for row in table.to_dict("records"):
        proxy = row["proxy"]
        dataset = ALL_SCENARIOS if proxy == SIMILARITY else row["dataset"]
        names = {"dataset": dataset, "method": proxy, "metric": row["metric"]}
        yield {**names, "source": PRINTED, "value": row["value"]}
