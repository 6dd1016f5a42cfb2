"""Settings of the studies of Sobol indices."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sparks_thesis.common.settings import (
    Block,
    Built,
    Changes,
    Count,
    Counts,
    Explainers,
    Images,
    Names,
    methods_of,
    refers,
)

Method = Annotated[
    str, Field(description="file of config/attribution: Sobol, with all its other settings")
]


class Budget(Block):
    """Faithfulness of black-box methods against the forward passes they may spend on an image."""

    images: Images = 16
    # All methods have one grid: Sobol begins where that leaves it 8 points (528 passes for 8 x 8
    # cells), Occlusion has one budget (65), since finer cells would be another question.
    forwards: Counts = Field(
        [132, 264, 528, 1056, 2112, 4224],
        description="budgets of forward passes for one image; sparks_thesis.sobol.budgets turns "
        "them into settings",
    )
    methods: Names = Field(
        ["occlusion", "rise", "lime", "kernelshap", "sobol", "hsic"],
        description="black-box methods, files of config/attribution",
    )
    changes: Changes = Field(
        {
            "rise": {"grid": refers("shared.grid")},
            "occlusion": {"grid": refers("shared.grid")},
            "hsic": {"grid": refers("shared.grid")},
        }
    )
    explainers: Explainers = methods_of("studies.budget.methods")
    metrics: dict[str, Built] = Field(
        {
            "deletion": refers("metrics.fidelity.metrics.deletion"),
            "insertion": refers("metrics.fidelity.metrics.insertion"),
            "mufidelity": refers("metrics.fidelity.metrics.mufidelity"),
        },
        description="metrics that score their maps",
    )


class Samplers(Block):
    """Error of the total indices of images by sequence, estimator and number of points."""

    images: Images = 10
    points: Counts = Field([8, 16, 32, 64], description="N of the designs on images")
    reference: Count = Field(512, description="N of the design that they are compared with")
    method: Method = "sobol"
    changes: Changes = Field({})
    explainers: Explainers = methods_of("studies.samplers.method")


class Functions(Block):
    """Error of the indices of functions whose indices are known."""

    points: Counts = Field([8, 16, 32, 64, 128, 256, 512], description="N of the designs")
    repeats: Count = Field(32, description="seeds of each design")
    interaction_points: int = Field(
        refers("shared.sobol_points"),
        description="N of the designs that tell interactions from none: that of the maps",
        ge=2,
    )
    interaction_repeats: Count = Field(200, description="seeds of these")


class Walkthrough(Block):
    """One image explained by Sobol indices, step by step."""

    image: int = Field(0, description="number of the image among the explained ones", ge=0)
    points: Count = Field(
        refers("studies.samplers.reference"),
        description="N of the design: enough for interactions to show",
    )
    method: Method = "sobol"
    changes: Changes = Field({})
    explainers: Explainers = methods_of("studies.walkthrough.method")
