"""Claims on MeGe and ReCo: each verdict on scores made to earn it."""

from collections.abc import Callable

import pandas as pd
import pytest

from sparks.results import MetricRecorder, as_results
from sparks.stats import Bootstrap
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.stability.claims import (
    SEVEN,
    AboveRandom,
    DropsWithDegradation,
    InputProductInflates,
    JointlyGood,
    Monotone,
    MuFidelityIgnores,
    PublishedFormula,
    RiseBest,
)
from sparks_thesis.stability.claims_lipschitz import (
    DistancesMonotone,
    LipschitzHigher,
    SmoothGradBest,
)

from .rows import scores

B = Bootstrap(resamples=50)
MODELS = ["convnet"]
ALL = (*SEVEN, "Random", "Input")
LEVELS = (("", None), ("weights randomised", 5), ("weights randomised", 30))


def flat(method: str, condition: str) -> float:
    return 0.4


def better(method: str, condition: str) -> float:
    """Distances shrink with the degradation."""
    return 0.6 if condition == "" else 0.2


def of(**levels: float) -> Callable[[str, str], float]:
    """Level of some methods, 0.5 for the others."""
    names = {name.replace("pp", "++"): value for name, value in levels.items()}
    return lambda method, condition: names.get(method, 0.5)


CAMS = of(GradCAM=0.1, GradCAMpp=0.15, RISE=0.2)
EMPTY = MetricRecorder().table()


@pytest.mark.parametrize(
    ("claim", "table", "outcome"),
    [
        (DropsWithDegradation(MODELS, B), scores(ALL, unequal=0), Outcome.INCONCLUSIVE),
        (DropsWithDegradation(MODELS, B), scores(ALL, level=better), Outcome.FAILS),
        (DropsWithDegradation(["other"], B), scores(ALL), Outcome.NOT_RUN),
        (Monotone(MODELS, B), scores(SEVEN, LEVELS, level=better), Outcome.FAILS),
        (AboveRandom(MODELS, B), scores(ALL, unequal=0), Outcome.INCONCLUSIVE),
        (AboveRandom(MODELS, B), scores(ALL, level=of(Random=0.1)), Outcome.FAILS),
        (PublishedFormula(MODELS, B, {"digits": 8}), scores(ALL), Outcome.FAILS),
        (RiseBest(MODELS, B, ["imagenet50"]), scores(ALL), Outcome.NOT_RUN),
        (
            RiseBest(MODELS, B, ["imagenet50"]),
            scores(ALL, dataset="imagenet50", level=of(RISE=0.6)),
            Outcome.FAILS,
        ),
        (JointlyGood(MODELS, B), scores(("RISE",)), Outcome.NOT_RUN),
        (
            InputProductInflates(MODELS, B),
            scores(ALL, level=of(IntegratedGradients=0.1, GradientInput=0.2, Saliency=0.6)),
            Outcome.HOLDS,
        ),
        (
            InputProductInflates(MODELS, B),
            scores(ALL, level=of(Saliency=0.1)),
            Outcome.FAILS,
        ),
        (MuFidelityIgnores(MODELS, B), scores(ALL, level=flat), Outcome.HOLDS),
        (MuFidelityIgnores(MODELS, B), scores(ALL), Outcome.FAILS),
        (LipschitzHigher("lipschitz", "convnet", 6, B), scores(ALL), Outcome.NOT_RUN),
        (SmoothGradBest("lipschitz", B), scores(ALL), Outcome.NOT_RUN),
        (DistancesMonotone(), scores(ALL), Outcome.NOT_RUN),
        *((claim(MODELS, B), EMPTY, Outcome.NOT_RUN) for claim in (Monotone, AboveRandom)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_verdicts(claim: Callable[[pd.DataFrame], object], table: pd.DataFrame, outcome: Outcome):
    verdict = claim(table)
    assert verdict.outcome == outcome, verdict.measured


def drops(metric: str) -> pd.DataFrame:
    """S₌ and S≠ far apart without degradation, mixed and large with it."""
    table = scores(ALL, unequal=6, level=lambda m, c: 0.9 if m == "Random" else 0.2)
    degraded = table["degradation"] != ""
    single = table["metric"].str.startswith("Distance") & degraded & (table["method"] != "Random")
    # The same distances, in turn, for both sets: no threshold parts them.
    table.loc[single, "value"] = 0.5 + 0.05 * (table.loc[single, "image"] % 6)
    return table


def test_drops_are_replicated_where_both_scores_fall_everywhere():
    verdict = DropsWithDegradation(MODELS, B)(drops("MeGe"))
    assert verdict.outcome == Outcome.HOLDS, verdict.measured
    assert verdict.effect > 0
    assert "holds for 28 of 28, fails for 0" in verdict.measured


def test_monotone_counts_the_curves_that_never_rise():
    table = drops("MeGe")
    verdict = Monotone(MODELS, B)(table)
    assert "28 of 28 curves never rise" in verdict.measured
    assert verdict.effect == 1.0


def test_above_random_is_replicated_where_s_is_apart():
    table = scores(ALL, level=lambda m, c: 0.2)
    random = (table["method"] == "Random") & table["metric"].str.startswith("Distance")
    table.loc[random, "value"] = 0.9 + 0.01 * (table.loc[random, "image"] % 6)
    verdict = AboveRandom(MODELS, B)(table)
    assert verdict.outcome == Outcome.HOLDS, verdict.measured
    assert verdict.effect > 0


def test_jointly_good_is_a_lead_in_ranks():
    verdict = JointlyGood(MODELS, B)(scores(ALL, level=CAMS))
    # MuFidelity ranks RISE third and the others, tied, 5.5th; ReCo is 1 for all, tied at 4; MeGe
    # ranks RISE third and one of the others, by chance, fourth.
    assert verdict.effect == pytest.approx((5.5 + 4 + 4) / 3 - (3 + 4 + 3) / 3)
    assert verdict.outcome == Outcome.HOLDS
    worse = JointlyGood(MODELS, B)(scores(ALL, level=of(GradCAM=0.9, RISE=0.95, GradCAMpp=0.8)))
    assert worse.outcome == Outcome.FAILS


def test_lipschitz_is_counted_method_by_method():
    both = pd.concat(
        [
            scores(ALL, level=of(GradCAMpp=0.1)),
            scores(ALL, model="lipschitz", level=of(**dict.fromkeys(SEVEN, 0.3))),
        ]
    )
    verdict = LipschitzHigher("lipschitz", "convnet", 6, B)(both)
    assert "MeGe on digits: higher for 6 of 7" in verdict.measured


def test_smoothgrad_best_needs_the_whole_order():
    table = scores(ALL, model="lipschitz", level=of(SmoothGrad=0.1, RISE=0.2, Saliency=0.3))
    verdict = SmoothGradBest("lipschitz", B)(table)
    assert verdict.outcome == Outcome.INCONCLUSIVE  # ReCo is 1 for all of them here
    assert verdict.effect == 0


@pytest.mark.parametrize(("falls", "outcome"), [(None, Outcome.HOLDS), ("ssim", Outcome.FAILS)])
def test_distances_must_never_fall(falls: str | None, outcome: Outcome):
    rows = [
        {"change": kind, "amount": amount, "method": name, "repeat": 0, "seed": 0}
        | {"metric": "MapDistance", "value": -amount if name == falls else amount}
        for kind in ("shift", "noise")
        for amount in (0.0, 1.0, 2.0, 3.0)
        for name in ("wasserstein", "spearman", "dice", "ssim", "l1", "l2")
    ]
    verdict = DistancesMonotone()(as_results(pd.DataFrame(rows)))
    assert verdict.outcome == outcome
    assert verdict.effect == (1 if falls is None else -1)


@pytest.mark.parametrize("unequal", [6, 0])
def test_a_score_that_does_not_exist_is_not_counted_as_lower(unequal):
    """Without S≠ there is no ReCo: neither higher than another one, nor lower."""
    ours = scores(ALL, model="lipschitz", level=of(Saliency=0.1), unequal=unequal)
    verdict = LipschitzHigher("lipschitz", "convnet", 6, B)(pd.concat([ours, scores(ALL)]))
    assert ("ReCo on digits: higher for n/a of 7" in verdict.measured) == (unequal == 0)
    if unequal == 0:
        assert verdict.outcome != Outcome.HOLDS
