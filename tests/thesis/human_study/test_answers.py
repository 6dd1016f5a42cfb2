"""Files of answers: which count, why the others do not, and that nothing personal is left."""

import json
import os
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparks.errors import SparksError
from sparks.io import save_table
from sparks.stats import Bootstrap
from sparks.utility import session_accuracies
from sparks_thesis.human_study import Limits, measure, read_answers
from sparks_thesis.human_study.answers import COLUMNS, LARGEST, folder_digest

from .conftest import CONDITIONS, NAMES
from .simulated_people import answered

LIMITS = Limits()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "answers"
    made.mkdir()
    return made


def put(folder, content, name=None):
    path = folder / (name or f"study-{content['participant']}.json")
    path.write_text(json.dumps(content))
    return path.name


@pytest.fixture
def group(key, folder):
    """Four people in every condition."""
    skill = {"baseline": 0.5, "bottom_up": 0.4, "saliency": 0.7, "concepts": 0.95}
    people = []
    for number in range(16):
        condition = list(CONDITIONS)[number % 4]
        person = f"jane.doe-{number}"
        people.append(answered(key, person, condition, skill=skill[condition], seed=number))
        put(folder, people[-1])
    return people


def test_every_answer_of_every_participant_is_in_the_table(group, folder, key):
    answers, rejected = read_answers(folder, key, LIMITS)
    assert list(answers.columns) == list(COLUMNS)
    assert rejected.empty
    assert answers["participant"].nunique() == 16
    assert len(answers) == 16 * 21
    (asked,) = key.scenarios.values()
    wanted = sorted(
        (CONDITIONS[p["condition"]], row["session"], row["image"], row["answer"], row["ms"])
        for p in group
        for row in p["answers"]
    )
    got = sorted(
        (r.condition, r.session, r.image, NAMES.index(r.answer), round(1000 * r.seconds))
        for r in answers.itertuples()
    )
    assert got == wanted
    for row in answers.itertuples():
        assert row.model == NAMES[asked.images[row.image].says]
        assert row.correct == (row.answer == row.model)
    session_accuracies(answers)  # takes it


def broken(content, path, value):
    """A copy with one place changed."""
    changed = deepcopy(content)
    at = changed
    *way, last = path
    for step in way:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return changed


DEFECTS = {
    "another study": (("study",), "0123456789abcdef", "another study"),
    "another format": (("format",), "sparks-study-0", "as the page stores it"),
    "no consent": (("consent",), False, "as the page stores it"),
    "markup as name": (("participant",), "<b>", "as the page stores it"),
    "no seed": (("seed",), None, "as the page stores it"),
    "unknown scenario": (("scenario",), "other", "no such scenario"),
    "unknown condition": (("condition",), "magic", "no such scenario or condition"),
    "answer missing": (("answers", 0), None, "1 of 21 questions are missing"),
    "example missing": (("examples", 2), None, "1 of 15 examples are missing"),
    "check missing": (("checks", 0), None, "attention check"),
    "answer beyond the classes": (("answers", 3, "answer"), 2, "none of the 2 classes"),
    "answer negative": (("answers", 3, "answer"), -1, "as the page stores it"),
    "answer as text": (("answers", 3, "answer"), "0", "as the page stores it"),
    "image unknown": (("answers", 3, "image"), "e001", "has no question"),
    "image of another session": (("answers", 3, "session"), 3, "has no question"),
    "more in an answer": (("answers", 3, "note"), "x", "as the page stores it"),
    "instructions not read": (("quiz",), 4, "4 attempts"),
    "ends before it starts": (("finished",), "2030-01-01T10:00:00.000Z", "before it starts"),
    "shorter than its answers": (
        ("finished",),
        "2031-01-01T10:00:20.000Z",
        "longer than the whole",
    ),
    "took days": (("finished",), "2031-01-04T10:00:00.000Z", "longer than 120 minutes"),
    "no time": (("finished",), "yesterday", "no times"),
    "time without zone": (("finished",), "2031-01-01T10:09:00", "no times"),
    "endless answer": (("answers", 0, "ms"), 1e300, "longer than the whole"),
    "negative time": (("answers", 0, "ms"), -5, "as the page stores it"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_reported_in_one_line_and_the_others_count(group, folder, key, name):
    path, value, expected = DEFECTS[name]
    bad = put(folder, broken(answered(key, "bad"), path, value), "bad file {x}.json")
    answers, rejected = read_answers(folder, key, LIMITS)
    assert rejected["file"].tolist() == [bad]
    assert expected in rejected["reason"][0]
    assert "\n" not in rejected["reason"][0]
    assert answers["participant"].nunique() == 16


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("notes.txt", "hello", "no .json file"),
        ("empty.json", "", "not intact JSON"),
        ("cut.json", '{"format": "spar', "not intact JSON"),
        ("nan.json", '{"quiz": NaN}', "NaN is no number"),
        ("deep.json", "[" * 100_000, "not intact JSON"),
        ("list.json", "[1, 2]", "as the page stores it"),
        ("huge.json", '"' + "x" * 1_000_001 + '"', "more than 1000000 bytes"),
        ("latin.json", b'{"a": "\xff"}', "not intact JSON"),
    ],
)
def test_files_that_are_no_answers_are_listed(group, folder, key, name, text, expected):
    path = folder / name
    path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text)
    (folder / ".DS_Store").write_bytes(b"\0")  # hidden: nobody put it there
    _, rejected = read_answers(folder, key, LIMITS)
    assert rejected["file"].tolist() == [name]
    assert expected in rejected["reason"][0]


def test_attention_checks_and_haste_have_limits(key, folder):
    content = answered(key, "p")
    content["checks"][1]["answer"] = 1 - content["checks"][1]["answer"]
    for row in content["answers"][:2]:
        row["ms"] = 120
    put(folder, content)
    for limits, expected in (
        (LIMITS, "2 answers in less than 300 ms"),
        (Limits(hasty=2), "1 of 3 attention checks were failed"),
    ):
        with pytest.raises(SparksError, match=expected):
            read_answers(folder, key, limits)
    answers, _ = read_answers(folder, key, Limits(hasty=2, failed_checks=1))
    assert len(answers) == 21  # a check is no answer


def test_the_first_of_a_participant_counts_even_if_it_is_refused(key, folder):
    late = answered(key, "Ann", "saliency", seed=5)
    put(folder, late, "a-late.json")
    put(folder, answered(key, "ann", "baseline", seed=2), "b-early.json")
    copy = {**answered(key, "ann", "baseline", seed=2), "participant": "bob", "seed": 9}
    put(folder, {**copy, "started": "2031-01-03T10:00:01.000Z"}, "copy.json")
    answers, rejected = read_answers(folder, key, LIMITS)
    assert set(answers["condition"]) == {"Baseline"}
    reasons = dict(rejected.itertuples(index=False))
    assert "b-early.json, which started earlier" in reasons["a-late.json"]
    assert "a copy" in reasons["copy.json"]
    put(folder, {**answered(key, "ann", "baseline", seed=2), "quiz": 9}, "b-early.json")
    put(folder, answered(key, "carl", seed=3))
    answers, rejected = read_answers(folder, key, LIMITS)
    assert answers["participant"].nunique() == 1
    assert set(rejected["file"]) == {"a-late.json", "b-early.json", "copy.json"}


def test_nothing_personal_is_left(group, folder, key, tmp_path):
    for content in group:
        more = {"userAgent": "SecretBrowser/7", "name": "Jane Doe", "email": "jane@example.org"}
        put(folder, {**content, **more})
    answers, _ = read_answers(folder, key, LIMITS)
    save_table(tmp_path / "t.parquet", answers)
    answers.to_csv(tmp_path / "t.csv")
    for file in ("t.parquet", "t.csv"):
        kept = (tmp_path / file).read_bytes().lower()
        for secret in (b"jane", b"doe", b"secretbrowser", b"example.org", b"2031", b"t10:0"):
            assert secret not in kept


def test_new_names_follow_neither_old_names_nor_times(group, folder, key):
    before, _ = read_answers(folder, key, LIMITS, seed=3)
    for file in folder.iterdir():
        file.unlink()
    for number, content in enumerate(reversed(group)):
        start = f"2031-02-{number + 1:02d}T08:00:00.000Z"
        end = f"2031-02-{number + 1:02d}T08:10:00.000Z"
        put(folder, {**content, "participant": f"z{number}", "started": start, "finished": end})
    after, _ = read_answers(folder, key, LIMITS, seed=3)
    pd.testing.assert_frame_equal(before, after)
    other, _ = read_answers(folder, key, LIMITS, seed=4)
    assert not before.equals(other)
    by_person = ["condition", "session", "trial", "answer", "image", "seconds"]
    assert sorted(before[by_person].itertuples(index=False)) == sorted(
        other[by_person].itertuples(index=False)
    )


def test_a_folder_without_files_or_with_none_that_counts_is_reported(key, folder, tmp_path):
    with pytest.raises(SparksError, match=r"study\.answers"):
        read_answers(tmp_path / "nowhere", key, LIMITS)
    (folder / "a.json").write_text("{}")
    with pytest.raises(SparksError, match=r"none of the 1 files.*a\.json"):
        read_answers(folder, key, LIMITS)


def test_a_changed_file_is_another_folder(group, folder):
    before = folder_digest(folder)
    assert folder_digest(folder) == before
    file = sorted(folder.iterdir())[0]
    file.write_bytes(file.read_bytes() + b" ")
    assert folder_digest(folder) != before
    assert folder_digest(folder / "nowhere") == folder_digest(folder / "no other")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def test_files_as_people_send_them(key, folder, monkeypatch):
    """One bad file is a reason, whatever its name and content; the others count."""
    good = answered(key, "fine")
    text = json.dumps(good).encode()
    (folder / "mark.json").write_bytes(b"\xef\xbb\xbf" + text)
    with open(os.fsencode(folder) + b"/caf\xe9.json", "wb") as file:
        file.write(b"{")
    (folder / "link.json").symlink_to(folder / "nowhere.json")
    (folder / "surrogate.json").write_text(json.dumps(good | {"study": "\ud800"}))
    (folder / "wide.json").write_bytes(json.dumps(answered(key, "w", seed=1)).encode("utf-16"))
    with (folder / "video.json").open("wb") as file:
        file.truncate(LARGEST + 1)
    opened = []
    real = Path.read_bytes

    def read(path):
        opened.append(path.name)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    answers, rejected = read_answers(folder, key, LIMITS)
    assert answers["participant"].nunique() == 1
    reasons = dict(zip(rejected["file"], rejected["reason"], strict=True))
    assert reasons.keys() == {"caf\\udce9.json", "surrogate.json", "video.json", "wide.json"}
    assert "not intact JSON" in reasons["caf\\udce9.json"]
    assert "bytes" in reasons["video.json"]
    rejected.to_csv().encode()  # as it is written and printed
    before = folder_digest(folder)
    assert "video.json" not in opened
    with (folder / "video.json").open("ab") as file:
        file.write(b" ")
    assert folder_digest(folder) != before


def test_a_file_that_may_not_be_read_is_a_reason(key, folder, monkeypatch):
    put(folder, answered(key, "fine"))
    shut = folder / put(folder, answered(key, "shut", seed=1))
    real = Path.read_bytes

    def refusing(path):  # permissions mean nothing to root
        if path == shut:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    answers, rejected = read_answers(folder, key, LIMITS)
    assert answers["participant"].nunique() == 1
    assert rejected["reason"].tolist() == ["it cannot be read (Permission denied)"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_file_is_a_reason_and_no_crash(data, key, folder):
    content = answered(key, "p")
    field = data.draw(st.sampled_from(sorted(content)))
    value = data.draw(JSON)
    if data.draw(st.booleans()) and isinstance(content[field], list):
        row = data.draw(st.integers(0, len(content[field]) - 1))
        inner = data.draw(st.sampled_from(sorted(content[field][row])))
        content[field][row][inner] = value
    else:
        content[field] = value
    put(folder, content, "p.json")
    put(folder, answered(key, "fine", seed=1), "fine.json")
    answers, rejected = read_answers(folder, key, LIMITS)
    assert answers["participant"].nunique() + len(rejected) == 2


def test_measures_are_those_of_the_people(group, folder, key):
    answers, _ = read_answers(folder, key, LIMITS)
    found = measure(answers, key, Bootstrap(resamples=50), rejected=3)
    right = answers.groupby("condition")["correct"].mean()
    whole = found[found["session"] == 0].set_index(["metric", "condition"])["mean"]
    for condition in ("Control", "Saliency", "Concepts"):
        assert whole["Utility", condition] == pytest.approx(right[condition] / right["Baseline"])
        difference = right[condition] - right["Baseline"]
        assert whole["Difference", condition] == pytest.approx(difference)
    assert whole["Rejected", ""] == 3
    assert (whole["Between", ""], whole["Within", ""]) == (3, 12)
    utility_k = found[(found["metric"] == "UtilityK") & (found["condition"] == "Concepts")]
    assert utility_k["k"].tolist() == [5, 10, 15]
    assert found["condition"].drop_duplicates().tolist() == ["", *CONDITIONS.values()]
    by_person = answers.groupby(["condition", "participant"])["correct"].mean()
    between = sum(4 * (g.mean() - by_person.mean()) ** 2 for _, g in by_person.groupby("condition"))
    total = ((by_person - by_person.mean()) ** 2).sum()
    assert whole["Eta2", ""] == pytest.approx(between / total)
    assert whole["F", ""] == pytest.approx((between / 3) / ((total - between) / 12))
    assert np.isfinite(whole["TukeyP"]).all()


def test_one_person_in_a_condition_is_measured_but_not_tested(key, folder):
    for number in range(3):
        put(folder, answered(key, f"b{number}", "baseline", seed=number))
    put(folder, answered(key, "s", "saliency"))
    answers, _ = read_answers(folder, key, LIMITS)
    found = measure(answers, key, Bootstrap(resamples=20))
    assert set(found["metric"]) == {"MetaPredictorAccuracy", "UtilityK", "Utility", "Rejected"}
    with pytest.raises(SparksError, match="Baseline"):
        measure(answers[answers["condition"] == "Saliency"], key, Bootstrap(resamples=20))
