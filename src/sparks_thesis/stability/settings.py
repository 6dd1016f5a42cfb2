"""Settings of MeGe and ReCo (fel2022mege)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sparks_thesis.common.settings import (
    ENGINE,
    SEED,
    Block,
    Built,
    Changes,
    Count,
    HasDefault,
    Instance,
    Names,
    Percents,
    Training,
    built,
    refers,
)


class Stability(Block):
    """Networks retrained on folds and degraded, and their explanations compared."""

    folds: int = Field(
        5, description="number of folds: each network is trained without one of them", ge=2
    )
    training: Training = Field(
        refers(
            "oc.select:studies.stability.trainings.${dataset.name},"
            "${studies.stability.trainings.default}"
        ),
        description="no setting: the entry of `trainings` for the selected data set",
    )
    # They are only explained by maps, so they learn from whole images.
    trainings: Annotated[dict[str, Training], HasDefault] = Field(
        {
            "default": {"batch_size": 16, "crop_area": [1.0, 1.0]},
            "chimera_hard": {
                "batch_size": refers("studies.stability.trainings.default.batch_size"),
                "crop_area": [1.0, 1.0],
                "epochs": refers("training.epochs"),
            },
        },
        description="data set: where the training of its networks differs from config/training and "
        "the model's; `default` where none is named",
    )
    together: bool = Field(
        True,
        description="whether all folds are trained in the same steps, vectorised, where networks "
        "and loss allow it",
    )
    label_noise: Percents = Field(
        [5, 10, 30], description="shares of wrong training labels in percent; 0 is always run"
    )
    randomised: Percents = Field(
        [5, 10, 30],
        description="shares of the weights of every convolution that get noise, in percent",
    )
    # Of networks at chance (absolute noise of 0.5) nothing can be learnt.
    noise: float = Field(
        0.5,
        description="standard deviation of that noise, in units of that of each layer's weights",
        ge=0,
    )
    images: Count = Field(50, description="training images explained, equally many of each fold")
    shard: int | None = Field(
        None,
        description="images of every fold that a job explains, so that distances are the same as "
        "without; null: one job explains all (docs/cluster.md)",
        ge=16,
        multiple_of=16,
    )
    target: Literal["predicted", "label"] = Field(
        "label",
        description="the class explained: the true one (label) or each network's own (predicted)",
    )
    distance: Literal["spearman", "wasserstein", "dice", "ssim", "l1", "l2"] = Field(
        "spearman", description="the distance that MeGe and ReCo are made from"
    )
    distances: Instance = Field(
        built("sparks.stability.distances.Distances", constant=None, nan=None),
        description="the six distances, all of which are measured",
    )
    metrics: dict[str, Built] = Field(
        {
            "mufidelity": built(
                "sparks.metrics.MuFidelity",
                subsets=100,
                share=0.15,  # as in the paper
                grid=9,
                correlation="spearman",
                baseline=0.0,
                output="logit",
                engine=ENGINE,
                seed=SEED,
            )
        },
        description="metrics of the map of the network that has not seen the image",
    )
    common_seed: bool = Field(
        False,
        description="whether all networks are explained with the same random numbers; otherwise "
        "noise of the method counts as instability",
    )
    methods: Names = Field(
        [
            *("saliency", "gradient_input", "integrated_gradients", "smoothgrad", "gradcam"),
            *("gradcam_pp", "rise", "sobol", "hsic", "random", "input"),
        ],
        description="methods whose maps are compared across folds, files of config/attribution",
    )
    changes: Changes = Field(
        {
            "integrated_gradients": {"steps": 30},
            "smoothgrad": {"samples": 30},
            "rise": {"masks": 200},
            "hsic": {"masks": 200},
            "sobol": {"points": 8, "grid": 6},
        }
    )
    explain: dict[str, Any] = Field(
        refers("oc.select:studies.stability.changes.${attribution.name},{}"),
        description="no setting: the entry of `changes` for the selected method",
    )
    noises: list[Annotated[float, Field(ge=0)]] = Field(
        [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
        description="standard deviations of the noise of fig-stability-distances; the spot's peak "
        "is 1",
        min_length=2,
    )
