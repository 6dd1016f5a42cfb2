"""Settings of pictures of features."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sparks_thesis.common.settings import SEED, Bank, Block, Instance, built, refers

_STEPS = refers("shared.maco_steps")
_FOURIER = built("sparks.visualization.Fourier", decay=0.85, std=0.01, rate=0.05, optimiser="adam")


def _ascent(parametrisation: Any, crops: Any, steps: Any = _STEPS, **canvas: Any) -> Any:
    return built(
        "sparks.visualization.Ascent",
        parametrisation=parametrisation,
        crops=crops,
        **canvas,
        seen=refers("maco.seen"),
        steps=steps,
    )


def _crops(name: str) -> Any:
    return built("sparks.visualization.named_crops", name=name)


class Maco(Block):
    """Pictures of features by MACO and the methods that it is compared with, and their scores."""

    bank: Bank = refers("studies.craft.bank")
    layers: dict[str, str] = Field(
        {
            model: refers(f"models.{model}.layer")
            for model in (
                *("convnet", "convnet_small", "resnet18", "resnet50", "vgg16"),
                *("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"),
            )
        },
        description="model: layer of channels and concepts; of networks that judge pictures, the "
        "layer whose mean activations are features",
    )
    study: Instance = Field(
        built(
            "sparks_thesis.maco.study.MacoStudy",
            methods={
                "MACO": refers("maco"),
                # Olah et al. 2017, with the settings of Xplique.
                "Fourier": _ascent(_FOURIER, _crops("olah")),
                # The fixed magnitude, otherwise as Fourier; and the other way round.
                "MACO, crops of Fourier": _ascent(refers("maco.parametrisation"), _crops("olah")),
                "Fourier, crops of MACO": _ascent(
                    _FOURIER,
                    refers("maco.crops"),
                    refers("maco.steps"),
                    canvas=refers("maco.canvas"),
                ),
                # Nguyen et al. 2016.
                "CBR": _ascent(built("sparks.visualization.CBR"), _crops("center-bias")),
                # Nothing but ascent.
                "Pixels": _ascent(
                    built("sparks.visualization.Pixels", std=0.01, rate=0.05, optimiser="adam"),
                    _crops("whole"),
                ),
            },
            whole=built(  # for inversion, where places are compared
                "sparks.visualization.Crops",
                count=1,
                size=[1.0, 1.0],
                spread=0.0,
                uniform_noise=0.1,
            ),
            logits=100,
            starts=3,
            classes=4,
            channels=8,
            inverted=4,
            trials=20,
            references=5000,
            kept=3,
            bootstrap=built(
                "sparks.stats.Bootstrap",
                level=refers("statistics.level"),
                resamples=200,
                seed=SEED,
            ),
            seed=SEED,
        ),
        description="pictures drawn, and their scores",
    )
