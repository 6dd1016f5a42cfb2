"""tab-eva and tab-eva-bounds: EVA beside other methods, and by bound; published beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, kendall_tau, shown
from sparks_thesis.common.table import Table
from sparks_thesis.eva.claims import usual

# metric → (whether higher is better, decimals)
METRICS = {
    "Deletion": (False, 3),
    "Insertion": (True, 3),
    "MuFidelity": (True, 3),
    "Robustness-Sr": (False, 3),
}

Published = Mapping[tuple[str, str, str], Mapping[str, object]]


@dataclass(frozen=True)
class Benchmark:
    """Mean of each metric by method, the published one beside it, and the measured time.

    Attributes:
        beside: "dataset, model" of ours → data set of the paper that it stands for.
        order: labels of the methods, as the paper lists them.
        bootstrap: of the means, over images.
    """

    beside: Mapping[str, str]
    order: tuple[str, ...] = ()
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(
        self, scores: pd.DataFrame, eva_cost: pd.DataFrame, published: pd.DataFrame
    ) -> Table:
        """Make the table."""
        scored = scores[scores["metric"].isin(list(METRICS))]
        rows = usual(scored)
        if rows.empty:
            raise SparksError("tab-eva has no score: give the experiment the study eva")
        theirs: Published = {
            (r["dataset"], r["method"], r["metric"]): {str(k): v for k, v in r.items()}
            for r in published.to_dict("records")
        }
        seconds = eva_cost.groupby(["dataset", "model", "method"])["value"].mean()
        numbers, texts = [], []
        for (dataset, model), group in rows.groupby(["dataset", "model"]):
            other = self.beside.get(f"{dataset}, {model}", "")
            for method in sorted(group["method"].unique(), key=self._place):
                line = {"dataset": dataset, "model": model, "method": method}
                time = float(seconds.get((dataset, model, method), float("nan")))
                of_method = group[group["method"] == method]
                found, text = self._row(of_method, time, other, method, theirs)
                more, removed = self._removals(scored, str(dataset), str(model), method)
                found, text = found + more, text | removed
                numbers += [line | {"paper_data": other} | number for number in found]
                texts.append(line | text)
        table = pd.DataFrame(numbers)
        return Table(table, pd.DataFrame(texts), self._caption(rows, scores, table))

    def _row(
        self, rows: pd.DataFrame, time: float, other: str, method: str, theirs: Published
    ) -> tuple[list[dict[str, object]], dict[str, str]]:
        """Return numbers of one method, and how they are shown."""
        numbers: list[dict[str, object]] = []
        text = {}
        for metric, (up, digits) in METRICS.items():
            mean = self.bootstrap.mean(rows[rows["metric"] == metric]["value"])
            row = theirs.get((other, method, metric))
            their = float(str(row["value"])) if row else float("nan")
            numbers.append({"metric": metric, "published": their} | asdict(mean))
            text[f"{metric} {'↑' if up else '↓'}"] = shown(mean, digits)
            text[f"{metric}, paper"] = f"{their:.3f}" if row else "–"
        their_time = _seconds(theirs.get((other, method, "Time")))
        numbers.append({"metric": "Seconds", "mean": time, "published": their_time})
        text["time (ms, measured)"] = f"{1000 * time:.1f}"
        text["time, paper (ms, P100)"] = f"{1000 * their_time:.2g}" if their_time > 0 else "–"
        return numbers, text

    def _removals(
        self, scored: pd.DataFrame, dataset: str, model: str, method: str
    ) -> tuple[list[dict[str, object]], dict[str, str]]:
        """Return numbers of one method under other removals, and the cells that show them."""
        here = scored[(scored["dataset"] == dataset) & (scored["model"] == model)]
        here = here[(here["method"] == method) & (here["baseline"] != "")]
        numbers: list[dict[str, object]] = []
        text = {}
        for (removal, metric), rows in here.groupby(["baseline", "metric"]):
            up, digits = METRICS[str(metric)]
            mean = self.bootstrap.mean(rows["value"])
            numbers.append({"metric": metric, "baseline": removal} | asdict(mean))
            text[f"{metric} {'↑' if up else '↓'}, {removal}"] = shown(mean, digits)
        return numbers, text

    def _place(self, method: str) -> tuple[int, str]:
        known = list(self.order)
        return (known.index(method) if method in known else len(known), method)

    def _caption(self, rows: pd.DataFrame, scores: pd.DataFrame, numbers: pd.DataFrame) -> str:
        taus = []
        for (dataset, model, metric), group in numbers.dropna(subset=["published"]).groupby(
            ["dataset", "model", "metric"], sort=False
        ):
            if metric in METRICS and len(group) > 2:
                tau = kendall_tau(group["mean"], group["published"])
                taus.append(f"{metric} on {dataset} with {model} {tau:+.2f}")
        counted = rows.groupby(["dataset", "model"])["image"].nunique()
        counts = ", ".join(
            f"{n} of {d} with {m}"
            for (d, m), n in zip(counted.index.to_list(), counted, strict=True)
        )
        return (
            f"Deletion, Insertion, MuFidelity and Robustness-Sr, mean over images ({counts}) with "
            f"{self.bootstrap.level:.0%} bootstrap intervals, and time per explanation. Removed "
            "pixels become uniform noise (the random baseline of Hsieh et al. 2021), for "
            "metrics and black-box methods alike; other columns name another removal, for both. "
            f"The columns “paper” are table 1 of fel2023eva, on other networks "
            f"({self._pairs(counted)}): its order can be compared, its values cannot. Kendall's τ "
            "of the two "
            f"orders: {'; '.join(taus) or 'none'}. EVA has the paper's radius and keeps inputs in "
            "[0, 1]; “unclipped” is the ball as the paper writes it, “sampled” looks at random "
            "inputs of it instead of bounds. On convnet and EfficientNet, EVA is the hybrid "
            "variant, which gives no guarantee. Time is measured here and differs from run to run; "
            f"Greedy-AS's settings are ours, cheaper than the paper's. {_stronger(scores)}"
        )

    def _pairs(self, counted: pd.Series[Any]) -> str:
        """Say which of the paper's data stand beside which of ours, and where they are the same."""
        pairs = []
        for dataset, model in counted.index.to_list():
            other = self.beside.get(f"{dataset}, {model}", "")
            same = other.replace("-", "").lower() == str(dataset)
            beside = "nothing" if not other else f"{other}, the same data" if same else other
            pairs.append(f"{dataset} with {model} beside {beside}")
        return "; ".join(pairs)


def _stronger(scores: pd.DataFrame) -> str:
    """Tell whether an attack with more steps orders the methods by Robustness-Sr as ours does."""
    rows = scores[(scores["metric"] == "Robustness-Sr") & (scores["bound"] == "")]
    rows = rows.fillna({"attack_steps": 0})  # the metric's own number
    details = []
    for (dataset, model), group in rows.groupby(["dataset", "model"], sort=False):
        wide = group.pivot_table(index=["image", "method"], columns="attack_steps", values="value")
        for steps in sorted({int(steps) for steps in group["attack_steps"]} - {0}):
            means = wide[[0, steps]].dropna().groupby("method").mean()
            tau = kendall_tau(means[0], means[steps])
            largest = float((means[0] - means[steps]).abs().max())
            where = f"attack of {steps} steps on {dataset} with {model}"
            details.append(f"{where}: τ {tau:+.2f}, {largest:.3f}")
    if not details:
        return ""
    return (
        "Check of the attack in Robustness-Sr: rank correlation of the methods' order, and "
        "largest change of a mean, with more attack steps on the same images: "
        f"{'; '.join(details)}."
    )


def _seconds(row: Mapping[str, object] | None) -> float:
    """Return published seconds an explanation: the paper gives totals of many explanations."""
    if row is None:
        return float("nan")
    return float(str(row["value"])) / float(str(row["explanations"]))


@dataclass(frozen=True)
class ByBound:
    """Tightness and the four metrics by bound.

    Attributes:
        bootstrap: of the means, over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame) -> Table:
        """Make the table."""
        rows = scores[(scores["bound"] != "") & (scores["method"] == "EVA")]
        if rows.empty:
            raise SparksError(
                "tab-eva-bounds has no score: run the study on a network of `detailed`"
            )
        metrics = {"Tightness": (False, 2), "TightnessMargin": (False, 2), **METRICS}
        theirs = {
            (r["bound"], r["metric"]): float(r["value"]) for r in published.to_dict("records")
        }
        numbers, texts = [], []
        for (dataset, model), group in rows.groupby(["dataset", "model"]):
            for bound in ("IBP", "Forward", "Backward", "IBP+Forward+Backward"):
                line = {"dataset": dataset, "model": model, "bound": bound}
                text = dict(line)
                for metric, (up, digits) in metrics.items():
                    values = group[(group["bound"] == bound) & (group["metric"] == metric)]
                    mean = self.bootstrap.mean(values["value"])
                    their = theirs.get((bound, metric), float("nan"))
                    numbers.append(line | {"metric": metric} | asdict(mean) | {"published": their})
                    text[f"{metric} {'↑' if up else '↓'}"] = shown(mean, digits)
                    if metric != "TightnessMargin":
                        text[f"{metric}, paper"] = f"{their:.{digits}f}"
                texts.append(text)
        caption = (
            "EVA by bound, every frozen-cell set with forms of its own: tightness (mean certified "
            "overlap of the ball, bounds of each logit as in the paper; “TightnessMargin”: the "
            "difference of two logits bounded as one number) and the four metrics, mean over "
            f"{rows['image'].nunique()} images with {self.bootstrap.level:.0%} bootstrap "
            "intervals. Columns “paper”: table 2 of fel2023eva (MNIST, dense network, radius 0.5 "
            "in unstated units). There Forward is tighter than IBP and yet slightly worse on all "
            "metrics."
        )
        return Table(pd.DataFrame(numbers), pd.DataFrame(texts), caption)
