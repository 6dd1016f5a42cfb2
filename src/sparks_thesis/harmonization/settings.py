"""Settings of the studies that compare networks and methods with people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sparks_thesis.common.settings import (
    Block,
    Built,
    Changes,
    Count,
    Explainers,
    Images,
    Kept,
    Names,
    Positive,
    Share,
    Training,
    built,
    methods_of,
    refers,
)

Highest = Annotated[Share, Field(description="share of the pixels that Dice and IoU call highest")]
Maps = Annotated[
    Built, Field(description="where human maps come from, in training and in the score")
]


class Alignment(Block):
    """Does a model look where people look, and does it stand on the background?"""

    maps: Maps = built("sparks.alignment.ClickMaps", sigma=0.05)
    # In colour the mean, as released, keeps a part of the gradient's energy only: networks met the
    # loss there and let the colours of chimera's parts decide unseen (docs/architecture.md).
    saliency: Literal["mean", "norm"] = Field(
        "norm",
        description="how the harmonizer's loss sees a gradient: its mean over channels, as "
        "released, or its norm",
    )
    images: Count = Field(300, description="the first of the unbiased test images")
    share: Highest = 0.1
    reductions: list[Literal["max-abs", "abs-mean", "mean"]] = Field(
        ["max-abs", "abs-mean", "mean"],
        description="how gradients become maps: as in the released evaluation, as in the code of "
        "2022, as training sees them",
        min_length=1,
    )
    shown: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        [0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0],
        description="shares of the human features that are shown",
        min_length=1,
    )
    baseline: float = Field(0.5, description="value of the pixels that are not shown")
    kept: Kept = 6


class Member(Block):
    """A network of a population."""

    family: Literal["convnet", "mlp", "vit_tiny"] = Field(
        description="entry of `families` that it is a variant of"
    )
    net: dict[str, Any] = Field(description="where the network differs from its family")
    training: Training = Field(description="where its training differs from config/training")


def _member(family: str, training: dict[str, Any], **net: Any) -> Any:
    return {"family": family, "net": net, "training": training}


_VIT = {"epochs": 9, "lr": 0.001, "batch_size": 16}


class Population(Block):
    """Many small networks on data with a shortcut: are the more accurate ones less aligned?"""

    images: Count = Field(2000, description="training images, the first ones")
    judged: Count = Field(
        refers("studies.alignment.images"),
        description="test images whose maps are compared with people's, the first ones",
    )
    maps: Maps = refers("studies.alignment.maps")
    seeds: Count = Field(2, description="networks of each kind, whose mean is a point")
    families: dict[str, Built] = Field(
        {name: refers(f"models.{name}.classifier") for name in ("convnet", "mlp", "vit_tiny")},
        description="no setting: networks that those below are variants of",
    )
    # Chosen to spread accuracies, before an alignment was measured.
    networks: dict[str, Member] = Field(
        {
            "convnet_1_stage": _member("convnet", {"epochs": 6}, widths=[8]),
            "convnet_narrow": _member("convnet", {"epochs": 3}, widths=[8, 16]),
            "convnet_narrow_longer": _member("convnet", {"epochs": 9}, widths=[8, 16]),
            "convnet": _member("convnet", {"epochs": 3}, widths=[16, 32]),
            "convnet_longer": _member("convnet", {"epochs": 9}, widths=[16, 32]),
            "convnet_longest": _member("convnet", {"epochs": 18}, widths=[16, 32]),
            "convnet_2_blocks": _member("convnet", {"epochs": 9}, widths=[8, 16], blocks=2),
            "convnet_3_stages": _member("convnet", {"epochs": 9}, widths=[8, 16, 32]),
            "mlp": _member("mlp", {"epochs": 6}),
            "mlp_longer": _member("mlp", {"epochs": 18}),
            "vit_shallow": _member("vit_tiny", _VIT, dim=32, depth=2),
            "vit": _member("vit_tiny", _VIT, depth=2),
        },
        description="name: its family, and where it and its training differ from that",
        min_length=1,
    )


class People(Block):
    """Do maps lie where people looked, clicked or drew, more than a blob at the centre does?"""

    images: Images = 100
    # About a degree of sight in OSIE (24 of its 600 pixels, of which the crop keeps 7/8).
    sigma: Positive = Field(0.046, description="of the blur of each mark, in sides of the image")
    splits: Count = Field(10, description="of the people into halves, for the human ceiling")
    share: Highest = 0.1
    kept: Kept = 6
    methods: Names = Field(
        [
            *("saliency", "smoothgrad", "integrated_gradients", "gradcam"),
            *("occlusion", "rise", "sobol", "random"),
        ],
        description="methods compared with people, files of config/attribution",
    )
    changes: Changes = Field({})
    explainers: Explainers = methods_of("studies.people.methods")
