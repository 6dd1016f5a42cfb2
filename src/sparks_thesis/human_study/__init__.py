"""A study with people, after Colin, Fel, Cadene and Serre (NeurIPS 2022): do explanations help?

    scenario  which images are examples and questions, and how the examples are explained
    page      the study as a folder of static files, and the key: what the model says
    packages  jsPsych's packages, fetched by npm and checked
    answers   files of answers → a table without anything personal, and what is wrong with the rest
    registration   how many participants are needed, and how their answers will be judged
    results   accuracies, Utility-K and tests of the table, by `sparks.utility`

Participants study examples (image, explanation, model's output) and predict the model's output on
new images without explanation. What it says of those is not in the page, only in the key beside it.

>>> from sparks_thesis.human_study import read_answers
>>> accepted, rejected = read_answers("answers", key, Limits())  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks_thesis.human_study.answers import Limits, read_answers
    from sparks_thesis.human_study.key import Key
    from sparks_thesis.human_study.packages import Package, fetch
    from sparks_thesis.human_study.page import Wording, build_page
    from sparks_thesis.human_study.registration import Aim, preregistration
    from sparks_thesis.human_study.results import measure
    from sparks_thesis.human_study.scenario import Protocol, Scenario

_MODULES = {
    "Aim": "registration",
    "Key": "key",
    "Limits": "answers",
    "Package": "packages",
    "Protocol": "scenario",
    "Scenario": "scenario",
    "Wording": "page",
    "build_page": "page",
    "fetch": "packages",
    "measure": "results",
    "preregistration": "registration",
    "read_answers": "answers",
}

__all__ = [
    "Aim",
    "Key",
    "Limits",
    "Package",
    "Protocol",
    "Scenario",
    "Wording",
    "build_page",
    "fetch",
    "measure",
    "preregistration",
    "read_answers",
]

__getattr__ = on_first_use(__name__, _MODULES)
