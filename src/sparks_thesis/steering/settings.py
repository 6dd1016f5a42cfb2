"""Settings of the study of parts as directions."""

from __future__ import annotations

from pydantic import Field

from sparks_thesis.common.settings import SEED, Bank, Block, Instance, Layers, built, refers


class Linear(Block):
    """Is a part a direction? Images painted without it, and its atom subtracted, compared."""

    layers: Layers = Field(
        refers("studies.craft.layers"),
        description="model: layers at which parts are compared, from input to output",
    )
    bank: Bank = refers("studies.craft.bank")
    study: Instance = Field(
        built(
            "sparks_thesis.steering.linear.LinearStudy",
            images=40,
            most=refers("studies.craft.study.most"),
            steps=[0.5, 1.0, 2.0, 4.0],
            least=8,
            seed=SEED,
        ),
        description="the measurements",
    )
