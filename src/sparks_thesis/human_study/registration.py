"""The preregistration of a study: what is asked, of how many people, and how it will be judged.

It is written with the page, before anyone has answered, from the same settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparks.checks import between
from sparks.utility.study_size import participants_needed, power
from sparks_thesis.human_study.answers import Limits
from sparks_thesis.human_study.page import Wording
from sparks_thesis.human_study.scenario import Protocol, Scenario


@dataclass(frozen=True, kw_only=True)
class Aim:
    """The effect that a study must be able to find.

    Attributes:
        gain: Utility above 1 that counts: .1 is an accuracy of 1.1 times the baseline's.
        power: probability with which it is to be found, in (0, 1).
        level: probability that any two conditions of a scenario differ by chance, in (0, 1).
        baseline: accuracy that is expected without explanations, in (0, 1).
        spread: standard deviation of accuracies between participants of a condition, in (0, 1).
    """

    gain: float = 0.1
    power: float = 0.8
    level: float = 0.05
    baseline: float = 0.616
    spread: float = 0.14

    def __post_init__(self) -> None:
        between(self, 0, 1, "gain", "power", "level", "baseline", "spread")

    @property
    def difference(self) -> float:
        """Difference of accuracies that is to be found."""
        return self.gain * self.baseline

    def participants(self, conditions: int) -> int:
        """Return how many participants each of so many conditions needs."""
        return participants_needed(self.difference, self.spread, conditions, self.power, self.level)


def preregistration(
    scenarios: Sequence[Scenario],
    protocol: Protocol,
    limits: Limits,
    wording: Wording,
    aim: Aim,
    study: str,
) -> str:
    """Return the text, in Markdown.

    Args:
        scenarios: what participants may be given.
        protocol: course of the study.
        limits: by which files of answers are left out.
        wording: of the page.
        aim: what is to be found.
        study: digest of the material shown, which is in the key and in every file of answers.
    """
    parts = [
        f"# Preregistration: {wording.title}",
        f"Material: study `{study}` (the key and every file of answers name it). Contact: "
        f"{wording.contact or '**none named yet (study.wording.contact)**'}.",
        "## Question",
        "Do explanations of examples help people to predict what a model says about new images, "
        "compared with seeing the examples alone? The protocol is that of Colin, Fel, Cadène and "
        "Serre (NeurIPS 2022).",
        "## Design",
        "Between subjects: each participant is in one condition of one scenario, drawn at random. "
        f"There are {protocol.sessions} sessions, each of {protocol.examples} examples (image, "
        f"explanation, the model's prediction) and {protocol.questions} questions (image alone). "
        "All participants of a scenario see the same images, in orders of their own.",
        _table(scenarios),
        "## Number of participants",
        *(_numbers(scenario, aim) for scenario in scenarios),
        f"The accuracy expected without explanations is {aim.baseline:.1%}, and the standard "
        f"deviation between participants of a condition {aim.spread:.1%}. By default these are the "
        "paper's: its F and its means for huskies imply the latter. Data are collected until each "
        "condition has its number, counted after the exclusions below, and are not looked at "
        "before.",
        "## Exclusions",
        _exclusions(limits),
        "## Measures and tests",
        "Utility-K is the mean accuracy of a condition after K examples, divided by that of the "
        "baseline; Utility is the mean over sessions. For each scenario, a one-way analysis of "
        "variance of participants' accuracies (all sessions) asks whether conditions differ; "
        "Tukey's honestly significant difference compares each with the baseline, at a "
        f"familywise level of {aim.level:g}. Intervals of Utility are 95 % bootstrap intervals "
        "over participants. `snakemake study_results` computes all of it from the files of "
        "answers.",
        "## Hypotheses",
        "For each scenario and each condition but the control: its accuracy is above the "
        "baseline's. The control (a map that does not look at the model), where there is one, is "
        "not above it. Anything else that the data show is exploratory.",
    ]
    return "\n\n".join(parts) + "\n"


def _table(scenarios: Sequence[Scenario]) -> str:
    lines = ["| scenario | participants choose from | conditions |", "| --- | --- | --- |"]
    for scenario in scenarios:
        conditions = ", ".join(scenario.conditions.values())
        lines.append(f"| {scenario.name} | {', '.join(scenario.classes)} | {conditions} |")
    return "\n".join(lines)


def _numbers(scenario: Scenario, aim: Aim) -> str:
    conditions = len(scenario.conditions)
    needed = aim.participants(conditions)
    as_in_the_paper = power(aim.difference, aim.spread, 30, conditions, aim.level)
    return (
        f"- {scenario.name}: **{needed} in each of {conditions} conditions, {needed * conditions} "
        f"in all**, to find a Utility of {1 + aim.gain:g} with a power of {aim.power:.0%} (with 30 "
        f"in each, as in the paper, it would be {as_in_the_paper:.0%})."
    )


def _exclusions(limits: Limits) -> str:
    return (
        "A file of answers is left out when it is damaged, incomplete or of other material; when "
        "its participant sent an earlier one, or it copies another; when more than "
        f"{limits.hasty} answers came within {limits.fastest_ms} ms; when it took longer than "
        f"{limits.minutes:g} minutes; when more than {limits.failed_checks} attention checks "
        f"failed; or when the question on the instructions took more than {limits.quiz} attempts."
    )
