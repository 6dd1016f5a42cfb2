"""Settings of CRAFT."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sparks_thesis.common.settings import (
    ENGINE,
    SEED,
    STATISTICS,
    Bank,
    Block,
    Built,
    Count,
    Instance,
    Layers,
    built,
    refers,
)


def _dictionary(name: str, **arguments: Any) -> Any:
    concepts = refers("studies.craft.concepts")
    return built(f"sparks.concepts.{name}", concepts=concepts, **arguments, seed=SEED)


_EPOCHS = refers("studies.craft.dictionaries.ReLU-SAE.epochs")


class Craft(Block):
    """Concepts of every class, their importance, sub-concepts, and the parts that truly decide."""

    layers: Layers = Field(
        {
            "convnet": ["stem", "stages.0", "stages.1"],
            "resnet18": ["layer1", "layer2", "layer3", "layer4"],
            "resnet50": ["layer1", "layer2", "layer3", "layer4"],
            # Outputs of ReLU6, which are not negative, outside residual branches.
            "efficientnet_lite0": ["features.13.bn2", "features"],
        },
        description="model: layers whose concepts are found, from input to output; of other models "
        "their `concept_layer` alone",
    )
    bank: Bank = "craft"
    concepts: Count = Field(10, description="number of concepts of each dictionary")
    dictionaries: dict[str, Built] = Field(
        {
            "NMF": _dictionary("NMF"),
            "Semi-NMF": _dictionary("SemiNMF"),
            "Convex-NMF": _dictionary("ConvexNMF", iterations=30),
            "K-Means": _dictionary("KMeans"),
            "PCA": _dictionary("PCA"),
            "ICA": _dictionary("ICA"),
            "ReLU-SAE": _dictionary("SAE", kind="relu", epochs=2000),
            "TopK-SAE": _dictionary("SAE", kind="topk", active=3, epochs=_EPOCHS),
            "BatchTopK-SAE": _dictionary("SAE", kind="batchtopk", active=3, epochs=_EPOCHS),
            # Controls, which learn nothing; activations of the class, drawn at random, are the
            # harder one.
            "Neurons": _dictionary("Neurons"),
            "Exemplars": _dictionary("Exemplars"),
            "Random directions": _dictionary("RandomDirections"),
        },
        description="name in tables: dictionary",
    )
    crops: Built = Field(
        built("sparks.concepts.RandomCrops", side=0.5, number=10, seed=SEED),
        description="crops of training images: random ones as in the paper; "
        "sparks.concepts.GridCrops as in its code",
    )
    study: Instance = Field(
        built(
            "sparks_thesis.craft.study.CraftStudy",
            craft=built(
                "sparks.concepts.Craft",
                # Of sub-concepts: concepts are those of the bank.
                dictionary="${banks.${studies.craft.bank}.extractor.dictionary}",
                importance=built(
                    "sparks.attribution.Sobol",
                    points=32,  # as published
                    engine=ENGINE,
                    seed=SEED,
                ),
                quantile=0.9,
                finer=3,
            ),
            published=built(  # importance as the authors' code computes it
                "sparks.attribution.Sobol",
                points=32,
                sequence="halton",
                scramble=False,
                engine=ENGINE,
                seed=SEED,
            ),
            banks={
                name: refers(f"studies.craft.dictionaries.{name}") for name in ("NMF", "PCA", "ICA")
            },
            dictionaries=refers("studies.craft.dictionaries"),
            most=100,
            images=40,
            quantile=0.95,  # a part covers 4 % of an image
            crops=10,
            refined=3,
            trials=20,
            checked=2,
            seed=SEED,
        ),
        description="the measurements",
    )
    pictures: Instance = Field(
        built(
            "sparks_thesis.craft.pictures.Pictures",
            target=0,
            concepts=5,
            crops=6,
            images=4,
            bootstrap=STATISTICS,
        ),
        description="content of the figures",
    )
