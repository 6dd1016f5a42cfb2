"""fig-study-k and tab-study, from the measures of a study."""

import pytest

from sparks.errors import SparksError
from sparks.stats import Bootstrap
from sparks_thesis.human_study import Limits, measure, read_answers
from sparks_thesis.human_study.figures import StudyK
from sparks_thesis.human_study.tables import Study

from .simulated_people import answered


@pytest.fixture
def study(key, tmp_path):
    import json

    folder = tmp_path / "answers"
    folder.mkdir()
    for number in range(9):
        condition = ["baseline", "bottom_up", "saliency"][number % 3]
        content = answered(
            key, f"p{number}", condition, skill=0.5 + 0.2 * (number % 3), seed=number
        )
        (folder / f"{number}.json").write_text(json.dumps(content))
    answers, _ = read_answers(folder, key, Limits())
    return measure(answers, key, Bootstrap(resamples=50), rejected=2)


def test_the_table_has_a_row_a_condition_and_the_tests(study):
    table = Study()(study)
    assert table.shown["condition"].tolist() == ["Baseline", "Control", "Saliency"]
    assert table.shown["people"].tolist() == ["3", "3", "3"]
    assert table.shown["Utility"].tolist()[0] == ""
    mean = study[(study["metric"] == "Utility") & (study["condition"] == "Saliency")]["mean"].iloc[
        0
    ]
    assert table.shown["Utility"].tolist()[2].startswith(f"{mean:.2f} [")
    assert "F(2, 6) = " in table.caption
    assert "2 files of answers did not count" in table.caption
    assert table.numbers["mean"].tolist() == study["mean"].tolist()


def test_the_figure_shows_what_the_measures_say(study):
    figure = StudyK()(study).figure
    (axis,) = figure.axes
    assert axis.get_title() == "blobs\nconvnet"
    lines = {c.get_label(): c.lines[0].get_ydata() for c in axis.containers}
    rows = study[(study["metric"] == "UtilityK") & (study["condition"] == "Control")]
    assert list(lines["Control"]) == rows["mean"].tolist()
    assert set(lines) == {"Control", "Saliency"}


def test_nothing_to_show_is_reported(study):
    with pytest.raises(SparksError, match="fig-study-k"):
        StudyK()(study[study["condition"] == "Baseline"])
    with pytest.raises(SparksError, match="study_results"):
        Study()(study.iloc[:0])
