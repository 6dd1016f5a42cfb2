"""Settings of texts: classifier, methods and metrics."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sparks_thesis.common.settings import (
    ENGINE,
    SEED,
    Block,
    Built,
    Changes,
    Count,
    Explainers,
    Instance,
    Names,
    Training,
    built,
    methods_of,
    refers,
)


class Words(Block):
    """The classifier of texts, the methods that explain it and the metrics that score them."""

    name: str = Field(
        "textcnn", description="of the classifier, in the column `model` of every table"
    )
    n: Count = Field(
        200, description="test texts explained of a text set, the same number of each class"
    )
    classifier: Built = Field(
        built(
            "sparks.models.TextClassifier",
            vocabulary=refers("text.vocabulary"),
            num_classes=refers("text.num_classes"),
            width=64,
            filters=64,
            windows=[3, 5],
            dropout=0.2,
            word_dropout=0.5,
        ),
        description="token numbers to logits",
    )
    training: Training = Field(
        {
            "precision": "fp32",
            "flip": False,  # words have no mirror image
            "shift": 0,
            "keep": "best",  # large vocabularies are learnt by heart
        },
        description="where its training differs from config/training",
    )
    removal: Instance = Field(
        built("sparks.engine.Token", value=1),  # <unk>
        description="what takes the place of a removed word",
    )
    methods: Names = Field(
        [
            *("saliency", "gradient_input", "integrated_gradients", "occlusion", "rise"),
            *("lime", "kernelshap", "sobol", "hsic", "random"),
        ],
        description="methods, files of config/attribution; gradients are those by the words' "
        "embeddings",
    )
    changes: Changes = Field({})
    explainers: Explainers = methods_of("words.methods")
    metrics: Annotated[dict[str, Built], Field(min_length=1)] = Field(
        {
            name: built(
                f"sparks.metrics.{metric}",
                steps=refers("shared.curve_steps"),
                perturbation=refers("words.removal"),
                engine=ENGINE,
                seed=SEED,
            )
            for name, metric in (("deletion", "Deletion"), ("insertion", "Insertion"))
        },
        description="metrics of every method's maps: area under the probability while words go "
        "(lower is better), or come (higher is better)",
    )
    keyword_metrics: dict[str, Built] = Field(
        {
            "pointing_game": built("sparks.metrics.PointingGame", seed=SEED),
            # The mean share of words that decide in the training texts of `reviews`.
            "plausibility": built("sparks.metrics.Plausibility", share=0.11, seed=SEED),
        },
        description="metrics of maps of texts of which the words that decide are known",
    )
