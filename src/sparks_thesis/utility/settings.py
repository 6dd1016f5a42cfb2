"""Settings of the study of simulated meta-predictors (colin2022utility)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sparks_thesis.common.settings import (
    SEED,
    Block,
    Built,
    Changes,
    Count,
    Explainers,
    Instance,
    Names,
    built,
    instance_of,
    methods_of,
    refers,
)


class Pool(Block):
    """Test images of a scenario."""

    explained: Count = Field(100, description="from which examples are drawn, at most")
    asked: Count = Field(200, description="from which questions are drawn, at most")
    # Among foxes half would leave nothing to find: right as often as wrong for either decision, the
    # parts of the class say nothing about the decision, and no map could help (an oracle's Utility
    # was .99).
    natural: Names = Field(
        ["chimera", "chimera_leaves", "chimera_foxes"],
        description="data sets whose images come as they are; of the others half are wrong, as in "
        "the paper",
    )


class Utility(Block):
    """Do explanations help to predict the model, in the protocol of Colin et al. 2022?"""

    classes: dict[
        str, Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]
    ] = Field(
        {},
        description="data set: numbers of the two classes that the model decides between; the "
        "first two if not named",
    )
    scenarios: dict[str, str] = Field(
        {"bias": "chimera_husky", "rule": "chimera_leaves", "hard": "chimera_foxes"},
        description="scenario of the paper: data set that asks the same",
    )
    pool: Pool = Pool()
    methods: Names = Field(
        [
            *("saliency", "gradient_input", "integrated_gradients", "smoothgrad", "gradcam"),
            *("occlusion", "concepts"),
        ],
        description="methods compared: the paper's six, and concepts in the same protocol "
        "(fel2023craft), which its tests leave out",
    )
    oracles: dict[str, Literal["parts", "background"]] = Field(
        {"chimera_husky": "background"},
        description="data set: what decides there, parts if not named; attention to it must help, "
        "or a scenario says nothing",
    )
    control: str = Field("bottom_up", description="the method that ignores the model")
    changes: Changes = Field({})
    explainers: Explainers = methods_of("studies.utility.methods")
    controls: Explainers = methods_of("studies.utility.control")
    deletion: Annotated[Built, instance_of("sparks.metrics.Deletion")] = Field(
        refers("metrics.fidelity.metrics.deletion"),
        description="Faithfulness is one minus its area",
    )
    complexity: Instance = Field(
        built("sparks.metrics.Complexity", quality=75), description="JPEG size of maps"
    )
    similarity: Instance = Field(
        # The paper does not say how it cut its own regions.
        built("sparks_thesis.utility.perceptual.PerceptualSimilarity", side=0.5, pixels=64),
        description="similarity of the regions that a map marks under either output",
    )
    # Set before the map of any method was shown. Without a map, people look at what stands out:
    # those who were shown a bottom-up map answered as those who were shown nothing (Utility .94 to
    # 1.02). Power 2 of the gaze puts the baselines at .67, .75 and .61 (people .62, .75, .60); with
    # a gaze that rests everywhere alike, .82, .60 and .57, the background of husky leaps to the eye
    # and its oracle gains nothing (1.02). Chosen on baseline, oracle, opposite, random and control
    # maps alone.
    simulation: Instance = Field(
        built(
            "sparks_thesis.utility.simulation.Simulation",
            learners={
                "Exemplar": built("sparks_thesis.utility.learners.Exemplar", width=0.5),
                "Prototype": built("sparks_thesis.utility.learners.Prototype", width=0.5),
                "Linear": built("sparks_thesis.utility.learners.Linear", width=0.5, penalty=0.1),
                "Words": built(
                    "sparks_thesis.utility.learners.Words", vocabulary=32, prior=1.0, seed=SEED
                ),
            },
            features=built("sparks_thesis.utility.cells.CellFeatures", grid=8, orientations=4),
            gaze=built(
                "sparks_thesis.utility.cells.Gaze",
                salience=refers("attributions.bottom_up.method"),
                power=2.0,
            ),
            participants=30,
            sessions=3,
            training=5,
            test=7,
            seed=SEED,
        ),
        description="simulated participants, and their protocol",
    )
