"""tab-claims: every claim that code can judge, by what the finding rests on."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import compress
from typing import Any

import pandas as pd

from sparks.results import UNITS
from sparks.stats import NoValues
from sparks_thesis.common.learnt import NETWORK, learnt_nothing
from sparks_thesis.common.table import Table
from sparks_thesis.common.verdict import Outcome, Scope, Verdict, called, not_run, tally, undefined

COLUMNS = {
    "number": "#",
    "name": "claim",
    "statement": "says",
    "criterion": "criterion",
    "published": "published",
    "scope": "rests on",
    "verdict": "verdict",
    "comparisons": "holds in",
    "interval": "effect [interval]",
    "detectable": "detectable",
    "control": "control",
    "measured": "measured",
}


@dataclass(frozen=True)
class Claims:
    """Judge each claim on the scores of the experiments it names, once for each kind of data.

    Networks that have learnt nothing are left out, by name; where nothing remains to be compared,
    the assay is invalid.

    Attributes:
        claims: for each claim its number, name, paper, statement, criterion, published value,
            experiments, and `check`: tidy table → `Verdict`. Optional: `arithmetic`, a check of the
            papers' own numbers that gives a row beside the others; `people`, "simulated"
            where it is about people and simulated ones answer, or "data" where people's marks come
            with the data and are simulated on synthetic data; `control`: tidy table → whether the
            assay works, and a sentence.
        papers: paper → "datasets" and "models" that its claims were made on.
        origins: data set → "real", "lossy" (real, recompressed) or "synthetic". Test functions and
            other things that are no data set of the configuration are synthetic.
        images: with fewer images under a judged number, a control fails.
    """

    claims: Sequence[Mapping[str, Any]]
    papers: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    images: int = 50

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame | None = None) -> Table:
        """Make the table from the tidy scores of all experiments that were run.

        Args:
            scores: of these experiments.
            published: rows of the papers' tables.
        """
        rows = []
        untaught = learnt_nothing(scores)
        for claim in sorted(self.claims, key=lambda claim: int(claim["number"])):
            row = {key: claim[key] for key in ("number", "name", "paper", "statement")}
            row |= {key: claim[key] for key in ("criterion", "published")}
            for scope, verdict in self._judge(claim, scores, untaught, published):
                values = asdict(verdict)
                del values["images"], values["of_images"]
                rows.append(
                    row | {"scope": str(scope), "verdict": called(verdict.outcome, scope)} | values
                )
        numbers = pd.DataFrame(rows)
        text = numbers.assign(
            interval=[_interval(row) for row in rows],
            comparisons=[f"{row['holds']} of {row['of']}" if row["of"] else "–" for row in rows],
            detectable=[_detectable(row) for row in rows],
            control=[row["control"] or "–" for row in rows],
        )
        shown = text[list(COLUMNS)].rename(columns=COLUMNS).astype(str)
        return Table(numbers, shown, _caption(numbers))

    def _judge(
        self,
        claim: Mapping[str, Any],
        scores: pd.DataFrame,
        untaught: Mapping[tuple[Hashable, ...], str],
        published: pd.DataFrame | None,
    ) -> list[tuple[Scope, Verdict]]:
        """Return a verdict for each kind of data that a claim could be judged on, at least one."""
        relevant = scores[scores["experiment"].isin(list(claim["experiments"]))]
        relevant = relevant.reset_index(drop=True)
        ran: list[tuple[Scope, Verdict]] = []
        reason = "no scores of its experiment are there"
        for scope, rows in self._by_scope(claim, relevant):
            if any(done is scope for done, _ in ran):
                continue
            networks = pd.MultiIndex.from_frame(rows[NETWORK])
            judged = rows[~networks.isin(list(untaught))]
            verdict = self._checked(claim, judged, self._with_known(judged, relevant), scope)
            if left_out := "; ".join(untaught[one] for one in untaught if one in set(networks)):
                verdict = verdict.controlled(verdict.outcome is not Outcome.NOT_RUN, left_out)
            if verdict.outcome is Outcome.NOT_RUN:
                reason = verdict.measured
            elif scope is not Scope.PAPER_DATA or verdict.measured not in (
                other.measured for _, other in ran
            ):  # else the numbers are those of the paper's kind of model, judged before
                ran.append((scope, verdict))
        if (arithmetic := claim.get("arithmetic")) and published is not None:
            ran.append((Scope.ARITHMETIC, arithmetic(published)))
        return ran or [(Scope.PAPER, not_run(f"{reason}; {_command(claim)}"))]

    def _by_scope(
        self, claim: Mapping[str, Any], rows: pd.DataFrame
    ) -> Iterator[tuple[Scope, pd.DataFrame]]:
        """Split rows by what they rest on, the closest to the paper first.

        A scope may come twice, since some claims need rows of several models: where nothing can be
        said of the first rows, the next ones count.
        """
        paper = self.papers.get(claim["paper"], {})
        theirs = set(paper.get("datasets", ()))
        published = rows["source"] != ""
        if claim.get("people") == "published":
            yield Scope.ARITHMETIC, rows[published]
            return
        if claim.get("people") == "simulated":
            if len(rows):
                yield Scope.SIMULATED, rows
            return
        origin = rows["dataset"].map(lambda name: self.origins.get(name, "synthetic"))
        own = rows["dataset"].isin(theirs) & (origin == "real")
        synthetic = Scope.SIMULATED if claim.get("people") == "data" else Scope.SYNTHETIC
        same = rows["model"].isin([*paper.get("models", ()), ""])
        others = own & ~same
        for scope, chosen in (
            (Scope.PAPER, own & same),
            (Scope.PAPER_DATA, others),
            (Scope.PAPER_DATA, own if others.any() else others),
            (Scope.REAL, ~own & (origin != "synthetic")),
            (synthetic, origin == "synthetic"),
        ):
            if chosen.any():
                yield scope, rows[chosen]

    def _with_known(self, rows: pd.DataFrame, all_rows: pd.DataFrame) -> pd.DataFrame:
        """Add what is known whatever the data: rows of test functions and others of no data set."""
        of_none = ~all_rows["dataset"].isin(list(self.origins))
        return all_rows[all_rows.index.isin(rows.index) | of_none]

    def _checked(
        self, claim: Mapping[str, Any], rows: pd.DataFrame, known: pd.DataFrame, scope: Scope
    ) -> Verdict:
        """Judge a claim on rows of one kind, with its control on these and on what is known."""
        try:
            verdict: Verdict = claim["check"](rows)
        except NoValues:
            return undefined("a comparison")
        if verdict.outcome is Outcome.NOT_RUN or scope is Scope.ARITHMETIC:
            return verdict
        explained = rows[(rows["method"] != "") & (rows["model"] != "")]
        # Where a claim says what it was judged on, that counts, not all that its experiments hold.
        images = verdict.images if verdict.images is not None else _units(explained)
        counted = verdict.of_images and (len(explained) or verdict.images is not None)
        if counted and images < self.images:
            few = f"only {images} images, of {self.images} needed"
            verdict = verdict.controlled(False, few)
        if control := claim.get("control"):
            try:
                return verdict.controlled(*control(known))
            except NoValues:
                return verdict.controlled(False, "no score of the control is defined")
        return verdict


def _command(claim: Mapping[str, Any]) -> str:
    """Return the command that would run a claim's experiments."""
    experiments = ",".join(claim["experiments"])
    scale = claim.get("scale", "workstation")
    return (
        f"./sparks snakemake --cores all --directory runs/{scale} --config scale={scale} "
        f"'overrides=[experiment=[{experiments}]]'"
    )


def _caption(numbers: pd.DataFrame) -> str:
    found = tally(numbers[["scope", "verdict"]].to_numpy().tolist())
    return (
        "Claims of the papers, judged by code on the scores of this run and, for chapters left out "
        f"of it, on those of their last run. {found}. "
        "A claim holds where the whole interval of each comparison meets the criterion, and fails "
        "where one lies outside it even at the level of all comparisons (Holm); only on the "
        "paper's own data is it then said to be replicated, or to have failed to replicate. "
        "Detectable: the distance from the criterion that this run would have settled with a power "
        "of 80 %, and the units that the criterion's margin would need. An assay is invalid where "
        "its control fails or fewer images were judged than needed."
    )


def _units(rows: pd.DataFrame) -> int:
    """Return the number of images, or of other units that rows count."""
    units = rows[list(UNITS)].drop_duplicates().astype(object)
    given = zip(units.to_numpy().tolist(), units.notna().to_numpy().tolist(), strict=True)
    return len({tuple(compress(*unit)) for unit in given} - {()})


def _interval(row: Mapping[str, Any]) -> str:
    if math.isnan(row["effect"]):
        return "–"
    if math.isnan(row["low"]):
        return f"{row['effect']:+.3f}"
    return f"{row['effect']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"


def _detectable(row: Mapping[str, Any]) -> str:
    if math.isnan(row["detectable"]):
        return "–"
    needed = f" (margin: {row['needed']:,} units)" if row["needed"] else ""
    return f"{row['detectable']:.3f}{needed}"
