"""What a study says before anyone takes part."""

import re

import pytest

from sparks.errors import SparksError
from sparks.utility import participants_needed
from sparks_thesis.human_study import Aim, Limits, Protocol, Wording, preregistration


@pytest.fixture(scope="module")
def text(scenario):
    wording = Wording(title="Which animal?", consent=["Yes."], contact="Ada, ada@example.org")
    limits = Limits(fastest_ms=250, hasty=2, minutes=90, failed_checks=1, quiz=4)
    protocol = Protocol(sessions=2, examples=3, questions=4)
    return preregistration([scenario], protocol, limits, wording, Aim(), "0123abcd")


def test_numbers_follow_from_the_aim(text, scenario):
    conditions = len(scenario.conditions)
    needed = participants_needed(0.0616, 0.14, conditions)
    assert f"**{needed} in each of {conditions} conditions, {needed * conditions} in all**" in text
    assert "Utility of 1.1 with a power of 80%" in text


def test_it_says_what_is_fixed(text, scenario):
    assert text.startswith("# Preregistration: Which animal?\n")
    assert "study `0123abcd`" in text
    assert "Ada, ada@example.org" in text
    assert "2 sessions, each of 3 examples" in text
    for label in scenario.conditions.values():
        assert label in text
    exclusions = re.sub(r"\s+", " ", text)
    for said in ("more than 2 answers came within 250 ms", "longer than 90 minutes",
                 "more than 1 attention checks", "more than 4 attempts"):  # fmt: skip
        assert said in exclusions


def test_a_missing_contact_stands_out(scenario):
    wording = Wording(title="Which animal?", consent=["Yes."])
    text = preregistration([scenario], Protocol(), Limits(), wording, Aim(), "0")
    assert "**none named yet (study.wording.contact)**" in text


def test_an_aim_out_of_range_is_refused():
    with pytest.raises(SparksError, match=r"gain=1\.2"):
        Aim(gain=1.2)
