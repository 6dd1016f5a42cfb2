"""Controls of the claims on MeGe and ReCo, on networks and maps whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks.stats import Bootstrap
from sparks_thesis.stability.claims_lipschitz import DistancesMonotone
from sparks_thesis.stability.controls import Degraded, Ends, SameEverywhere, ShuffledAmounts
from sparks_thesis.stability.rows import HELD_OUT, SAME

from .rows import scores

B = Bootstrap(resamples=100)
MODELS = ["convnet"]
CONDITIONS = (("", None), ("weights randomised", 30))


def right(share):
    """Made-up distances, and a share of right answers of degraded networks."""
    many = [scores(("Saliency",), CONDITIONS).assign(seed=seed) for seed in range(10)]
    table = pd.concat(many, ignore_index=True)
    degraded = (table["metric"] == HELD_OUT) & (table["degradation"] != "")
    table.loc[degraded, "value"] = (np.arange(degraded.sum()) < share * degraded.sum()).astype(
        float
    )
    return table


@pytest.mark.parametrize(("share", "passed"), [(0.6, True), (1.0, False), (0.1, False)])
def test_networks_are_degraded_and_not_destroyed(share, passed):
    found, text = Degraded(MODELS, bootstrap=B)(right(share))
    assert found is passed, text
    assert not Degraded(["other"], bootstrap=B)(right(0.6))[0]


def with_ceiling(own, ceiling, random=0.9):
    """Random and RISE between networks, and both on one network with other seeds."""
    levels = {("RISE", ""): own, ("RISE", SAME): ceiling}
    return scores(
        ("Random", "RISE"), (("", None), (SAME, None)), unequal=0,
        level=lambda method, condition: levels.get((method, condition), random),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("own", "ceiling", "passed"),
    [
        (0.5, 0.2, True),
        (0.2, 0.5, False),  # two networks explained more alike than one
        (0.95, 0.9, False),  # the method is as random as Random
    ],
)
def test_no_method_explains_two_networks_better_than_one(own, ceiling, passed):
    found, text = Ends(MODELS, ["MeGe"], B)(with_ceiling(own, ceiling))
    assert found is passed, text


def test_reco_of_random_maps_is_compared_with_its_permutations():
    def table(gap):
        rows = scores(("Random",), CONDITIONS[:1])
        far = rows["metric"] == "DistanceOneRight"
        rows.loc[far, "value"] += gap - 0.1
        return rows

    by_chance, text = Ends(MODELS, ["ReCo"], B)(table(0.0))
    assert by_chance, text
    assert not Ends(MODELS, ["ReCo"], B)(table(0.5))[0]
    assert not Ends(MODELS, ["ReCo"], B)(scores(("RISE",)))[0]


def test_the_input_alone_is_the_same_map_for_every_network():
    table = scores(("Input",))
    assert not SameEverywhere(MODELS, B)(table)[0]
    same = table["metric"].str.startswith("Distance")
    assert SameEverywhere(MODELS, B)(table.assign(value=table["value"].mask(same, 0.0)))[0]


def test_curves_over_shuffled_amounts_do_not_grow():
    amounts = np.linspace(0, 1, 20)
    table = pd.concat(
        as_results(
            pd.DataFrame({"amount": amounts, "value": amounts**2, "metric": "MapDistance"}),
            change=change, method="l2", repeat=0, seed=0,
        )
        for change in ("shift", "noise")
    )  # fmt: skip
    check = DistancesMonotone()
    assert check(table).outcome == "holds"
    assert ShuffledAmounts(check)(table)[0]
    assert not ShuffledAmounts(check)(table.assign(value=table["value"] + 0.1))[0]
