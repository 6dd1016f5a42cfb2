"""Settings of a study with people. The protocol is that of colin2022utility, section 4."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sparks_thesis.common.settings import (
    SEED,
    Block,
    Built,
    Count,
    Instance,
    Names,
    Pair,
    built,
    instance_of,
    refers,
)

Package = Annotated[Built, instance_of("sparks_thesis.human_study.Package")]


def _package(name: str, version: str, integrity: str) -> Any:
    return built(
        "sparks_thesis.human_study.Package", name=name, version=version, integrity=integrity
    )


class HumanStudy(Block):
    """A study with people: `snakemake study` makes its page, `study_results` reads the answers."""

    runs: Annotated[list[Pair], Field(min_length=1)] = Field(
        [
            Pair(dataset="chimera_husky", model="convnet"),
            Pair(dataset="chimera_leaves", model="convnet"),
            Pair(dataset="chimera_foxes", model="convnet"),
        ],
        description="data sets and models whose outputs people predict: each is a scenario",
    )
    classes: dict[str, Annotated[Names, Field(min_length=2, max_length=9)]] = Field(
        {},
        description='data set: names of the classes to choose from, e.g. {digits: ["3", "8"]}; the '
        "two that are mixed up most if none are named",
    )
    methods: Names = Field(
        [
            *("saliency", "gradient_input", "integrated_gradients"),
            *("occlusion", "smoothgrad", "gradcam"),
        ],
        description="attribution methods, a condition each; the baseline is always there",
    )
    control: str | None = Field(
        "bottom_up",
        description="attribution method that does not look at the model: one more condition; null "
        "for none",
    )
    concepts: int = Field(
        3,
        description="concepts of the Lens atlas shown with each example in one more condition; 0 "
        "for none",
        ge=0,
    )
    crops: Count = Field(4, description="crops of other images, shown of each concept")
    candidates: Count = Field(
        2000, description="test images that questions are taken from, at most"
    )
    protocol: Instance = Field(
        built("sparks_thesis.human_study.Protocol", sessions=3, examples=5, questions=7, seed=SEED),
        description="the course of the study for every participant",
    )
    # A Utility of 1.1 is what most of the paper's methods reach on leaves. Baseline and spread are
    # those of its huskies, where people differed most (by 9.7 % on leaves, 11.2 % on foxes), so
    # that the number is enough for the others.
    aim: Instance = Field(
        built(
            "sparks_thesis.human_study.Aim",
            gain=0.1,
            power=0.8,
            level=0.05,
            baseline=0.616,
            spread=0.14,
        ),
        description="what the study must be able to find, for the number of participants",
    )
    wording: Instance = Field(
        built(
            "sparks_thesis.human_study.Wording",
            title="What does the program say?",
            contact=None,  # name one before people take part
            consent=[  # make them say what your ethics board asks for
                "You are invited to a study on how well people can predict what a computer "
                "program says about images. It takes about 8 minutes.",
                "You will look at images and answer questions about them. There is no risk beyond "
                "that of looking at a screen.",
                "Your answers, the time each took, when you started and ended, and the identifier "
                "in the link that you were given are kept in a file on your own device, which you "
                "may send in at the end. Before analysis, the identifier and the times of day are "
                "removed.",
                "You take part of your own free will. You can stop at any time by closing this "
                "page, and then nothing is kept.",
                "Please take part only if you are 18 or older.",
            ],
            debrief=[
                "Different people saw different explanations of the same images, some saw none, "
                "and some saw marks that had nothing to do with the program. We compare how well "
                "each group could predict it."
            ],
            pause_ms=250,
            study_ms=1000,
        ),
        description="text of the page",
    )
    packages: Annotated[list[Package], Field(min_length=1)] = Field(
        [
            _package(
                "jspsych",
                "8.3.0",
                "sha512-UrwSVG14v8oRX6WFQ1L6uuGT0G7KgRDSH48iKIVIQI+yMRGAlvg+tEUNFKe/1xZxgk3kZiZ5"
                "xP0AnpPqPj1zkg==",
            ),
            _package(
                "@jspsych/plugin-html-button-response",
                "2.1.0",
                "sha512-AhJPePA8s/ount+QYtqfgMtEkz7g+j+bnhQ9XqxfsnK2f5MdnlakYtpjxW9YgFx9y0Gs7yb7"
                "OZk1+omcKlzaEQ==",
            ),
            _package(
                "@jspsych/plugin-preload",
                "2.1.0",
                "sha512-tQUViQQNK5RXc+sYjNyV1NKl8gt9Wl+sZ55kpW1eEn9I84WCSBtjPDthr7WxGMZeK+E/ybYu"
                "cWMVcIwlncaHAg==",
            ),
        ],
        description="jsPsych and its plugins, fetched by npm and checked against their digests",
    )
    tarballs: str | None = Field(
        None,
        description="folder that has these packages, for machines without npm or network; null to "
        "fetch them",
    )
    answers: str = Field(
        refers("data_dir") + "/study", description="folder of the files that participants saved"
    )
    key: str | None = Field(
        None, description="file of the key of these answers; null for that of results/study"
    )
    limits: Instance = Field(
        built(
            "sparks_thesis.human_study.Limits",
            fastest_ms=300,
            hasty=1,
            minutes=120,
            failed_checks=0,
            quiz=3,
        ),
        description="files that are refused",
    )
