"""Tables from made-up numbers: every cell can be said beforehand."""

import io

import numpy as np
import pandas as pd
import pytest
import yaml

from sparks.errors import SparksError
from sparks.results import as_results
from sparks.stats import Bootstrap
from sparks_thesis.common.table import Table
from sparks_thesis.common.verdict import Outcome, Verdict, not_run
from sparks_thesis.overview.table_claims import Claims
from sparks_thesis.overview.table_data_models import DataModels
from sparks_thesis.overview.table_training_time import TrainingTime
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.sobol.table_fidelity import Fidelity
from sparks_thesis.sobol.table_maps import Maps
from sparks_thesis.words.claims import CarriesOverToWords

HOSTILE = "a|b & 50% of x_1 <script>"


@pytest.fixture
def table():
    frame = pd.DataFrame({"name": [HOSTILE], "value": [0.1234567890123]})
    return Table(frame, frame.astype(str), f"About {HOSTILE}.")


def test_csv_keeps_every_digit(table):
    assert table.csv() == f"name,value\n{HOSTILE},0.1234567890123\n"


def test_csv_says_where_it_comes_from(table):
    lines = table.csv('{"made by": "sparks"}')
    assert lines.startswith('# {"made by": "sparks"}\nname,value\n')
    read = pd.read_csv(io.StringIO(lines), comment="#")
    pd.testing.assert_frame_equal(read, table.numbers)


def test_markup_of_each_format_is_escaped(table):
    assert r"a\|b" in table.markdown()
    assert r"50\% of x\_\allowbreak{}1 $<$script$>$" in table.latex("tab-x")
    assert "<script>" not in table.html("<script>")
    assert "&lt;script&gt;" in table.html("T")


def test_latex_columns_match_its_header(table):
    lines = table.latex("tab-x").splitlines()
    assert r"\begin{tabular}{ll}" in lines
    assert r"name & value \\" in lines


def scores(values):
    """Tidy scores from {(method, metric): values of the images}."""
    rows = [
        {"dataset": "d", "model": "m", "seed": 0, "method": method}
        | {"metric": metric, "image": image, "value": value, "experiment": "e"}
        for (method, metric), column in values.items()
        for image, value in enumerate(column)
    ]
    return as_results(pd.DataFrame(rows))


def test_maps_come_most_stable_first_with_what_was_measured_of_them():
    ours = scores(
        {
            ("A", "AverageStability"): [0.5, 0.7],
            ("B", "AverageStability"): [0.1, 0.1],
            ("B", "JPEGSize"): [100, 103],
            ("B", "Deletion"): [0.9, 0.9, 0.9],
            ("B", "Insertion"): [0.2, 0.6],
        }
    )
    shown = Maps(Bootstrap(resamples=50))(ours).shown.set_index("method")
    assert list(shown.index) == ["B", "A"]
    assert shown.loc["A", "AverageStability ↓"].startswith("0.600")
    assert shown.loc["B", "JPEG, bytes"].startswith("102 [")
    assert shown.loc["A", "JPEG, bytes"] == "–"
    # Of the images with both areas: -0.7 and -0.3.
    assert shown.loc["B", "Insertion − Deletion ↑"].startswith("-0.500 [-0.700")
    assert shown.loc["A", "Insertion − Deletion ↑"] == "–"
    with pytest.raises(SparksError, match="no property of maps"):
        Maps()(ours[ours["metric"] == "Deletion"])


def test_fidelity_shows_means_best_deletion_first_and_agreement_with_the_published():
    ours = scores(
        {
            ("A", "Deletion"): [0.5, 0.5],
            ("B", "Deletion"): [0.1, 0.3],
            ("C", "Deletion"): [0.4, 0.4],
            ("A", "Insertion"): [0.5, 0.7],
        }
    )
    published = pd.DataFrame(
        {"dataset": "P", "metric": "Deletion", "method": ["A", "B", "C"], "value": [3.0, 2.0, 1.0]}
    )
    made = Fidelity(Bootstrap(resamples=50))(ours, published)
    shown = made.shown.set_index("method")
    assert list(shown.index) == ["B", "C", "A", "τ, P"]
    assert shown.loc["B", "Deletion ↓"].startswith("0.200 [0.1")
    assert shown.loc["A", "Insertion ↑"].startswith("0.600")
    assert shown.loc["B", "Insertion ↑"] == "–"
    # Ours: B < C < A; theirs: C < B < A. Two of three pairs agree.
    assert shown.loc["τ, P", "Deletion ↓"] == "+0.33"


def test_a_metric_that_exists_for_no_image_is_shown_as_such():
    """Such as the correlation of a constant map."""
    ours = scores({("A", "Deletion"): [0.1, 0.2], ("B", "Deletion"): [np.nan, np.nan]})
    shown = Fidelity(Bootstrap(resamples=20))(ours).shown.set_index("method")
    assert shown.loc["B", "Deletion ↓"] == "n/a"
    assert shown.loc["A", "Deletion ↓"].startswith("0.150")


def test_fidelity_without_scores_is_refused():
    with pytest.raises(SparksError, match="no fidelity score"):
        Fidelity()(scores({("A", "Forwards"): [1.0]}))


def test_data_models_counts_right_answers_once():
    right = scores({("", "Accuracy"): [1.0, 1.0, 1.0, 0.0]}).assign(split="test")
    twice = pd.concat([right, right.assign(experiment="other")])
    history = pd.DataFrame(
        {"dataset": "d", "model": "m", "seed": 0, "epoch": [1, 2], "images": 90, "parameters": 1234}
    )
    made = DataModels()(twice, history)
    cell = made.shown.iloc[0]
    assert cell["accuracy %"].startswith("75.0 [")
    assert (cell["parameters"], cell["epochs"], cell["test images"]) == ("1,234", "2", "4")


def test_training_time_is_sorted_and_rounded():
    time = pd.DataFrame({"dataset": ["b", "a"], "model": "m", "seed": 0, "value": [1.26, 100.0]})
    assert TrainingTime()(time).shown["seconds"].tolist() == ["100.0", "1.3"]


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
    made = Claims([claim(1, CarriesOverToWords(["LIME"], margin=0.02))])(table)
    assert made.shown["verdict"].tolist() == [verdict]
    assert ("only 8 images" in made.shown["control"].iloc[0]) == (large == 8)


def test_an_effect_without_an_interval_shows_none():
    no = Verdict(Outcome.INCONCLUSIVE, 0.5, float("nan"), float("nan"), "measured")
    made = Claims([claim(1, lambda table: no)])(scores({("A", "Deletion"): [0.0] * 60}))
    assert made.shown["effect [interval]"].tolist() == ["+0.500"]


def test_intervals_over_few_images_are_said_to_be_too_narrow():
    column = list(np.linspace(0, 1, 100))
    ours = scores({("A", "Deletion"): column, ("A", "Entropy"): column})
    few = ours[ours["image"] < 7].assign(dataset="photographs")
    for table in (Fidelity(Bootstrap(resamples=20)), Maps(Bootstrap(resamples=20))):
        caption = table(pd.concat([ours, few])).caption
        assert "100 of d, 7 of photographs" in caption
        assert "with 7 images (photographs) they cover about 88%" in caption
        assert "too narrow" not in table(ours).caption
