"""The table of claims: what each verdict rests on, and what makes an assay invalid."""

import numpy as np
import pandas as pd
import pytest
import yaml

from sparks.stats import Bootstrap
from sparks_thesis.common.verdict import Outcome, Verdict, above, judged, not_run
from sparks_thesis.overview.table_claims import Claims
from sparks_thesis.pipeline.paths import CONFIG

from ..common.network_rows import evaluated
from ..common.network_rows import rows as of_network
from ..common.rows import around, scores


def claim(number, check, experiments=("e",)):
    texts = dict.fromkeys(("name", "paper", "statement", "criterion", "published"), f"c{number}")
    return {"number": number, "experiments": list(experiments), "check": check, **texts}


def test_claims_are_listed_by_number_with_their_verdicts():
    yes = Verdict(Outcome.HOLDS, 0.5, 0.4, 0.6, "measured", holds=2, of=3, detectable=0.1)
    ours = scores({("A", "Deletion"): [0.0] * 60})
    made = Claims([claim(2, lambda table: yes), claim(1, lambda table: yes, ["other"])])(ours)
    assert made.shown["#"].tolist() == ["1", "2"]
    assert made.shown["verdict"].tolist() == ["not run", "transfers"]
    assert made.shown["rests on"].tolist()[1] == "synthetic data with known truth"
    assert made.shown["effect [interval]"].tolist() == ["–", "+0.500 [+0.400, +0.600]"]
    assert made.shown["holds in"].tolist() == ["–", "2 of 3"]
    assert made.shown["detectable"].tolist() == ["–", "0.100"]
    assert "experiment=[other]" in made.shown["measured"][0]
    assert "Synthetic data with known truth: 1 transfers" in made.caption.replace("; s", "; S")


def test_the_same_numbers_are_judged_once_on_what_is_nearest_to_the_paper():
    def of_a(table):
        """Judge network "a", and say nothing of others, as bounds that only some networks have."""
        mine = table[table["model"] == "a"]
        if mine.empty:
            return not_run("no network with bounds")
        interval = Bootstrap().mean(mine["value"])
        return judged([above(interval, -1.0)], interval, f"{len(mine)} values")

    papers = {"c1": {"datasets": ["real"], "models": ["a"]}}
    made = Claims([claim(1, of_a)], papers, {"real": "real"})(on_data("real"))
    assert made.shown["rests on"].tolist() == ["paper's data and kind of model"]
    other = {"c1": {"datasets": ["real"], "models": ["none"]}}
    made = Claims([claim(1, of_a)], other, {"real": "real"})(on_data("real"))
    assert made.shown["rests on"].tolist() == ["paper's data, another model"]


def test_a_claim_without_a_defined_score_is_invalid_and_the_others_are_judged():
    def mean(table):
        interval = Bootstrap().mean(table["value"])
        return judged([above(interval, 0.0)], interval, "measured")

    def nothing(table):
        return mean(table.assign(value=np.nan))

    yes = claim(3, mean) | {"control": lambda table: nothing(table) and (True, "never")}
    ours = scores({("A", "Deletion"): [1.0, 2.0] * 30})
    made = Claims([claim(1, nothing), claim(2, mean), yes])(ours)
    assert made.shown["verdict"].tolist() == ["assay invalid", "transfers", "assay invalid"]
    assert "no score" in made.shown["control"][0]
    assert made.shown["control"][2] == "no score of the control is defined"


def on_data(*origins):
    """Return rows of a data set of each origin, on networks a and b."""
    return pd.concat(
        scores({("A", "Deletion"): [float(n)] * 60}).assign(dataset=name, model=model)
        for n, name in enumerate(origins)
        for model in ("a", "b")
    )


def verdict_on(table):
    """Return a verdict whose effect tells what it was judged on."""
    text = ", ".join(sorted(set(table["dataset"] + "/" + table["model"])))
    return Verdict(Outcome.FAILS, 0.0, -1.0, 1.0, text)


SOURCES = {
    "papers": {"c1": {"datasets": ["imagenet"], "models": ["a"]}},
    "origins": {"imagenet": "real", "photos": "real", "jpeg": "lossy", "shapes": "synthetic"},
}


def test_a_claim_has_a_row_for_each_kind_of_data_and_only_the_papers_data_replicate():
    table = on_data("imagenet", "photos", "jpeg", "shapes")
    made = Claims([claim(1, verdict_on)], **SOURCES)(table).shown
    found = dict(
        zip(made["rests on"], zip(made["verdict"], made["measured"], strict=True), strict=True)
    )
    assert found == {
        "paper's data and kind of model": ("failed to replicate", "imagenet/a"),
        "paper's data, another model": ("failed to replicate", "imagenet/b"),
        "other real data": ("does not transfer", "jpeg/a, jpeg/b, photos/a, photos/b"),
        "synthetic data with known truth": ("does not transfer", "shapes/a, shapes/b"),
    }


def test_a_claim_about_two_networks_is_judged_on_both():
    def both(table):
        if set(table["model"]) != {"a", "b"}:
            return not_run("needs a and b")
        return verdict_on(table)

    made = Claims([claim(1, both)], **SOURCES)(on_data("imagenet")).shown
    assert made["rests on"].tolist() == ["paper's data, another model"]
    assert made["measured"].tolist() == ["imagenet/a, imagenet/b"]


def test_people_are_simulated_on_synthetic_data_or_everywhere():
    table = on_data("imagenet", "shapes")
    marks = Claims([claim(1, verdict_on) | {"people": "data"}], **SOURCES)(table).shown
    assert "simulated people" in marks["rests on"].tolist()
    assert "paper's data and kind of model" in marks["rests on"].tolist()
    answers = Claims([claim(1, verdict_on) | {"people": "simulated"}], **SOURCES)(table).shown
    assert answers["rests on"].tolist() == ["simulated people"]


def test_a_claim_on_too_few_images_is_no_valid_assay():
    yes = Verdict(Outcome.HOLDS, 0.5, 0.4, 0.6, "measured")
    made = Claims([claim(1, lambda table: yes)])(scores({("A", "Deletion"): [0.0] * 10}))
    assert made.shown["verdict"].tolist() == ["assay invalid"]
    assert "only 10 images" in made.shown["control"].iloc[0]


def test_a_claim_without_explained_images_needs_none():
    """Such as one on distances of made-up maps."""
    yes = Verdict(Outcome.HOLDS, 0.5, 0.4, 0.6, "measured")
    table = scores({("A", "MapDistance"): [0.0] * 3}).assign(model="")
    made = Claims([claim(1, lambda table: yes)])(table)
    assert made.shown["verdict"].tolist() == ["transfers"]


def test_a_control_that_fails_makes_the_assay_invalid():
    yes = Verdict(Outcome.HOLDS, 0.5, 0.4, 0.6, "measured")
    ours = scores({("A", "Deletion"): [0.0] * 60})
    for passed, verdict in ((True, "transfers"), (False, "assay invalid")):
        one = claim(1, lambda table: yes) | {"control": lambda table, p=passed: (p, "checked")}
        made = Claims([one])(ours).shown
        assert made["verdict"].tolist() == [verdict]
        assert made["control"].tolist() == ["checked"]


def test_a_control_sees_test_functions_whatever_data_it_judges():
    yes = Verdict(Outcome.HOLDS, 0.5, 0.4, 0.6, "measured")
    table = pd.concat([on_data("imagenet", "shapes"), on_data("known function")])

    def listed(rows):
        return True, ", ".join(sorted(set(rows["dataset"])))

    one = claim(1, lambda table: yes) | {"control": listed}
    made = Claims([one], **SOURCES)(table).shown
    found = dict(zip(made["rests on"], made["control"], strict=True))
    assert found["paper's data and kind of model"] == "imagenet, known function"
    assert found["synthetic data with known truth"] == "known function, shapes"


def test_arithmetic_on_published_numbers_is_a_row_beside_the_others():
    own = Verdict(Outcome.FAILS, -1.0, -2.0, 0.0, "measured")
    theirs = Verdict(Outcome.HOLDS, 8.0, 7.8, 8.2, "printed")
    one = claim(1, lambda table: own) | {"arithmetic": lambda published: theirs}
    made = Claims([one], **SOURCES)(on_data("shapes"), pd.DataFrame({"value": [1.0]})).shown
    assert made["rests on"].tolist() == [
        "synthetic data with known truth",
        "arithmetic on published numbers",
    ]
    assert made["measured"].tolist() == ["measured", "printed"]


def test_every_claim_has_a_control_or_is_arithmetic():
    for file in sorted(CONFIG.glob("claim/*.yaml")):
        asked = yaml.safe_load(file.read_text("utf-8"))
        assert "control" in asked or asked.get("people") == "published", file.stem


def on_every_data_set(table):
    """Judge whether deleting by Sobol is better than by LIME on each data set."""
    gains = []
    for _, rows in table.groupby("dataset"):
        wide = rows.pivot_table(index="image", columns="method", values="value")
        gains.append(Bootstrap(resamples=50).difference(wide["LIME"], wide["Sobol"]))
    return judged([above(gain, 0.0) for gain in gains], gains[0], "measured", gains)


@pytest.mark.parametrize(("large", "verdict"), [(8, "assay invalid"), (60, "transfers")])
def test_images_count_that_were_judged_and_not_those_beside_them(large, verdict):
    """8 images of one data set, and 60 of another: the claim is on both, and rests on 8."""
    generator = np.random.default_rng(0)
    means = {"Sobol": 0.1, "LIME": 0.2, "Random": 0.4}
    table = pd.concat(
        scores({(m, "Deletion"): v + 0.01 * generator.random(n) for m, v in means.items()}).assign(
            dataset=data
        )
        for data, n in (("digits", 60), ("chimera", large))
    )
    made = Claims([claim(1, on_every_data_set)])(table)
    assert made.shown["verdict"].tolist() == [verdict]
    assert ("only 8 images" in made.shown["control"].iloc[0]) == (large == 8)


def test_an_effect_without_an_interval_shows_none():
    no = Verdict(Outcome.INCONCLUSIVE, 0.5, float("nan"), float("nan"), "measured")
    made = Claims([claim(1, lambda table: no)])(scores({("A", "Deletion"): [0.0] * 60}))
    assert made.shown["effect [interval]"].tolist() == ["+0.500"]


def test_networks_that_learnt_nothing_are_left_out_by_name():
    """Wilson's interval of 61 of 100 begins at .512: above .5, unlike that of 50 of 100."""

    def gain(table):
        wide = table[table["metric"] == "Score"].pivot_table("value", "dataset", "model")
        if not {"a", "b"} <= set(wide) or wide[["a", "b"]].dropna().empty:
            return not_run("no pair of networks")
        values = (wide["a"] - wide["b"]).dropna()
        interval = Bootstrap().mean(around(values.mean()))
        return judged([above(interval, 0.0)], interval, " ".join(values.index))

    def of(dataset, b):
        known = {"dataset": dataset}
        scored = [of_network(m, "Score", around(v), **known) for m, v in (("a", 2), ("b", 1))]
        right = [
            evaluated(name, share, 0.5, split=split, **known)
            for name, of_training in (("a", 0.9), ("b", b))
            for split, share in (
                ("train", of_training),
                ("test", 0.5),
            )  # as if biased data were learnt
        ]
        return pd.concat([*scored, *right]).assign(experiment="e")

    judge = Claims([claim(1, gain)])
    both = pd.concat([of("x", 0.5), of("y", 0.61)])
    row = judge(both).numbers.iloc[0]
    assert (row["verdict"], row["measured"]) == ("transfers", "y")
    assert "b on x (seed 0) has learnt nothing: right in 50 [" in row["control"]
    assert " on y" not in row["control"]
    row = judge(of("x", 0.5)).numbers.iloc[0]
    assert row["verdict"] == "assay invalid"
    assert "b on x" in row["control"]
    assert "learnt nothing" not in judge(of("y", 0.61)).numbers.iloc[0]["control"]
