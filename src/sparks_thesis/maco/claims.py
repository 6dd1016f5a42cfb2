"""Claims of MACO (fel2023maco)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from sparks.results import ITSELF, UNITS
from sparks.stats import (
    Bootstrap,
    Interval,
    interval_of,
    proportion,
    shown,
)
from sparks_thesis.common.runs import runs
from sparks_thesis.common.verdict import Outcome, Part, Verdict, above, judged, not_run
from sparks_thesis.maco import SEEN

NATURAL = "natural images"
NO_PICTURES = "no pictures of features were made"


# Judged in crops as the ascent saw them: a picture made of parts of its canvas is seldom whole.
IN_CROPS = ("Plausibility", "FID", "FID resampled", "Transferability", "Selective")


def _values(rows: pd.DataFrame, metric: str, method: str, objective: str = "logit") -> pd.Series:
    """Return values by picture, averaged over the networks other than `ITSELF`."""
    chosen = rows[
        (rows["metric"] == metric)
        & (rows["method"] == method)
        & (rows["objective"] == objective)
        & (rows["view"] == (SEEN if metric in IN_CROPS else ""))
        & (rows["evaluator"] != ITSELF)
    ]
    values: pd.Series = chosen.groupby(["seed", *UNITS], dropna=False)["value"].mean()
    return values


@dataclass(frozen=True)
class SpectrumConstant:
    """maco-spectrum-constant: the magnitude stays r, and half of Fourier's parameters are free.

    Attributes:
        exact: relative error of the magnitude that counts as none: pictures are float32.
        bootstrap: of the mean error, over pictures.
    """

    exact: float = 1e-3
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "MagnitudeError" and "FreeParameters"."""
        outcomes: list[Part] = []
        details, worst = [], None
        for where, rows in runs(table[table["metric"].isin(["MagnitudeError", "FreeParameters"])]):
            errors = _values(rows, "MagnitudeError", "MACO")
            free = {m: _values(rows, "FreeParameters", m, "") for m in ("MACO", "Fourier")}
            if errors.empty or any(count.empty for count in free.values()):
                continue
            error = self.bootstrap.mean(errors)
            ratio = float(free["MACO"].iloc[0] / free["Fourier"].iloc[0])
            half = ratio == 0.5
            outcomes.append(above(-error, -self.exact))
            outcomes.append(Outcome.HOLDS if half else Outcome.FAILS)
            fourier = _values(rows, "MagnitudeError", "Fourier")
            details.append(
                f"{where}: relative error of the magnitude {error.mean:.1e} (Fourier "
                f"{fourier.mean():.2f}), {ratio:.2f} of Fourier's parameters on an equal canvas"
            )
            worst = error if worst is None or error.mean > worst.mean else worst
        if worst is None:
            return not_run(NO_PICTURES)
        return judged(outcomes, worst, "; ".join(details))


@dataclass(frozen=True)
class LowerHighFrequency:
    """maco-lower-high-frequency: Fourier has more high frequencies than images, MACO is nearer.

    Attributes:
        bootstrap: over pictures, the same resamples for both methods.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "HighFrequencyShare" of logits."""
        outcomes, details, worst = [], [], None
        for where, rows in runs(table[table["metric"] == "HighFrequencyShare"]):
            share = {m: _values(rows, "HighFrequencyShare", m) for m in ("MACO", "Fourier")}
            natural = _values(rows, "HighFrequencyShare", NATURAL).mean()
            if any(values.empty for values in share.values()):
                continue
            gain = self._nearer(share, natural)
            excess = self.bootstrap.mean(share["Fourier"] - natural)
            outcomes += [above(gain, 0.0), above(excess, 0.0)]
            details.append(
                f"{where}: share of power above 0.2 cycles per pixel {share['MACO'].mean():.3f} "
                f"(MACO), {share['Fourier'].mean():.3f} (Fourier), {natural:.3f} (test images); "
                f"MACO is nearer by {shown(gain, 3)}"
            )
            worst = gain if worst is None or gain.mean < worst.mean else worst
        if worst is None:
            return not_run(NO_PICTURES)
        return judged(outcomes, worst, "; ".join(details))

    def _nearer(self, share: Mapping[str, pd.Series], natural: float) -> Interval:
        """|Fourier - natural| - |MACO - natural| of the means."""
        one, two = (share[m].to_numpy() for m in ("Fourier", "MACO"))
        n = min(len(one), len(two))
        gains = [
            abs(one[w].mean() - natural) - abs(two[w].mean() - natural)
            for w in self.bootstrap.draws(n)
        ]
        centre = abs(one.mean() - natural) - abs(two.mean() - natural)
        return interval_of(float(centre), gains, n, self.bootstrap.level)


@dataclass(frozen=True)
class BeatsFourier:
    """maco-beats-fourier: MACO beats its rivals on plausibility, FID and transferability.

    Attributes:
        rivals: methods.
        bootstrap: of differences, paired picture by picture.
    """

    rivals: Sequence[str] = ("Fourier", "CBR")
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on pictures of logits."""
        metrics = ["Plausibility", "FID", "FID resampled", "Transferability"]
        gains: dict[str, Interval] = {}
        for where, rows in runs(table[table["metric"].isin(metrics)]):
            for rival in self.rivals:
                for metric in ("Plausibility", "Transferability"):
                    sign = 1 if metric == "Transferability" else -1
                    ours, theirs = (_values(rows, metric, m) for m in ("MACO", rival))
                    if len(ours) and len(theirs):
                        gain = self.bootstrap.difference(sign * ours, sign * theirs)
                        gains[f"{metric} against {rival}, {where}"] = gain
                ours, theirs = (_values(rows, "FID resampled", m) for m in ("MACO", rival))
                exact = [_values(rows, "FID", m) for m in (rival, "MACO")]
                if len(ours) and len(theirs) and all(len(e) for e in exact):
                    centre = float(exact[0].iloc[0] - exact[1].iloc[0])
                    spread = (theirs - ours).tolist()
                    gain = interval_of(centre, spread, len(spread), self.bootstrap.level)
                    gains[f"FID against {rival}, {where}"] = gain
        if not gains:
            return not_run(NO_PICTURES)
        outcomes = {name: above(gain, 0.0) for name, gain in gains.items()}
        # The effect shown is one that decides: scores have no common unit.
        first = min(outcomes, key=lambda name: _ORDER.index(outcomes[name].outcome))
        details = "; ".join(f"{name}: {shown(gain, 2, sign='+')}" for name, gain in gains.items())
        return judged(list(outcomes.values()), gains[first], f"gain of MACO: {details}")


_ORDER = [Outcome.FAILS, Outcome.INCONCLUSIVE, Outcome.HOLDS]


@dataclass(frozen=True)
class HumanPrediction:
    """maco-human-prediction: MACO's pictures predict a unit's responses better.

    The claim is about people. A machine answers here, so it can be contradicted or not for the
    machine alone, and the verdict says so.

    Attributes:
        rival: the method compared with.
        bootstrap: of the paired difference, over trials.
    """

    rival: str = "Fourier"
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "ObserverAccuracy"."""
        outcomes, details, worst = [], [], None
        for where, rows in runs(table[table["metric"] == "ObserverAccuracy"]):
            ours, theirs = (
                _values(rows, "ObserverAccuracy", m, "channel") for m in ("MACO", self.rival)
            )
            if ours.empty or theirs.empty:
                continue
            gain = self.bootstrap.difference(ours, theirs)
            outcomes.append(above(gain, 0.0))
            details.append(
                f"{where}: the machine is right in {100 * ours.mean():.0f} % with MACO and in "
                f"{100 * theirs.mean():.0f} % with {self.rival}, gain {shown(gain, 2, sign='+')}"
            )
            worst = gain if worst is None or gain.mean < worst.mean else worst
        if worst is None:
            return not_run(NO_PICTURES)
        return judged(outcomes, worst, "; ".join(details) + " (a machine proxy, no person)")


@dataclass(frozen=True)
class ConceptSelective:
    """maco-concept-selective: a concept's picture shows it more than the class's other concepts.

    Attributes:
        share: of concepts that counts as most.
        level: of Wilson's interval.
    """

    share: float = 0.5
    level: float = 0.95

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "Selective"."""
        outcomes, details, worst = [], [], None
        for where, rows in runs(table[table["metric"] == "Selective"]):
            passed = _values(rows, "Selective", "MACO", "concept")
            if passed.empty:
                continue
            found = proportion(passed, self.level)
            outcomes.append(above(found, self.share))
            details.append(f"{where}: {shown(found, 0, 100)} % of {found.n} concepts")
            worst = found if worst is None or found.mean < worst.mean else worst
        if worst is None:
            return not_run(NO_PICTURES)
        return judged(outcomes, worst, "; ".join(details))
