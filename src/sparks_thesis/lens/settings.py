"""Settings of the Lens site, and of the study of covering its concepts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sparks_thesis.common.settings import (
    ENGINE,
    SEED,
    STATISTICS,
    Bank,
    Block,
    Count,
    Instance,
    Names,
    Pair,
    built,
    refers,
)


class Story(Block):
    """A finding about one concept: the effect of covering it in images."""

    class_: str = Field(description="name of the class", alias="class")
    concept: str = Field(description="what its crops show, in the words of a person who saw them")
    channels: list[Annotated[int, Field(ge=0)]] = Field(
        description="of the layer: the concept is the one with most of its weight on them",
        min_length=1,
    )


class Serve(Block):
    """The page for one's own image: `make lens-serve`."""

    host: str = Field(
        "127.0.0.1",
        description="address that it listens on: this machine only; 0.0.0.0 lets others in, by its "
        "name or address, without a password",
    )
    port: int = Field(
        7860, description="port that it listens on; 0 for any that is free", ge=0, le=65535
    )
    limits: Instance = Field(
        built("sparks_thesis.lens.upload.Limits", megabytes=10, megapixels=25),
        description="files that are accepted",
    )


_TRAINED = ("convnet", "convnet_lambda_0", "convnet_lambda_1", "hkr_convnet")


class Lens(Block):
    """Every class of the models below, for the site (`snakemake lens`), the figure and claims."""

    datasets: Names = Field(
        ["imagenette?", "chimera", "chimera_biased"],
        description="data sets; NAME?: only where its files are on disk",
    )
    models: Names = Field(
        ["efficientnet_lite0", *_TRAINED],
        description="models; those of one data set are compared class by class",
    )
    exclude: list[Pair] = Field(
        [
            *(Pair(dataset="imagenette", model=model) for model in _TRAINED),
            Pair(dataset="chimera", model="efficientnet_lite0"),
            Pair(dataset="chimera_biased", model="efficientnet_lite0"),
            *(Pair(dataset="chimera", model=model) for model in _TRAINED[1:]),
            Pair(dataset="chimera_biased", model="convnet"),
        ],
        description="pairs to leave out, e.g. {dataset: chimera, model: hkr_convnet}",
    )
    titles: dict[str, str] = Field(
        {
            "efficientnet_lite0": "EfficientNet-Lite0",
            "efficientnet_lite1": "EfficientNet-Lite1",
            "efficientnet_lite2": "EfficientNet-Lite2",
            "convnet_lambda_0": "convnet (baseline)",
            "convnet_lambda_1": "convnet (harmonized)",
            "hkr_convnet": "convnet (1-Lipschitz)",
            "imagenette": "Imagenette",
        },
        description="titles of models and data sets on the pages; others are called by their names",
    )
    bank: Bank = "craft"
    surveyor: Instance = Field(
        built(
            "sparks_thesis.lens.Surveyor",
            most=100,
            crops=10,
            side=128,
            picture=224,
            thumbnail=40,
            mapped=5,
            aligned=5,
            reference=100,
            bootstrap=STATISTICS,
            seed=SEED,
        ),
        description="the survey of the classes",
    )
    stories: dict[str, Story] = Field(
        {
            "imagenette/efficientnet_lite0": Story.model_validate(
                {
                    "class": "chain saw",
                    "concept": "people outdoors",
                    # Heavier in it than in any other concept of the class.
                    "channels": [60, 102, 299, 515, 732, 880, 898, 984, 1087, 1155, 1223, 1259],
                }
            )
        },
        description="DATA SET/MODEL: the finding on the first page of the site, if it is that of "
        "its first model",
    )
    alike: Instance = Field(
        # The paper's site does not say its own least cosine.
        built("sparks_thesis.lens.links.SimilarConcepts", most=10, least=0.8),
        description="which concepts of other classes are listed as similar",
    )
    serve: Serve = Serve()


class Atoms(Block):
    """One dictionary for all classes of a network of ImageNet (`snakemake lens_atoms`)."""

    datasets: Annotated[Names, Field(min_length=1)] = Field(
        ["nips2017?", "imagenette?", "photographs"],
        description="data sets whose photographs it is fitted to, all splits; NAME?: only where "
        "its files are on disk",
    )
    model: str = Field(
        "efficientnet_lite0",
        description="a network that comes with weights for ImageNet's 1,000 classes",
    )
    survey: Instance = Field(
        built(
            "sparks_thesis.lens.atoms.AtomSurvey",
            dictionary=built(
                "sparks.concepts.SAE",
                kind="topk",
                concepts=512,
                active=16,
                revive=True,
                rate=0.003,  # of .01, .003 and .001, the best held-out R² on 340 photographs
                epochs=100,
                seed=SEED,
            ),
            most=20,
            places=16,
            held_out=10,
            crops=8,
            share=0.4,
            side=64,
            per_class=3,
            thumbnail=112,
            seed=SEED,
        ),
        description="the dictionary, and what is shown of its atoms",
    )
    drawing: Instance = Field(
        built(
            "sparks.visualization.Ascent",
            parametrisation=refers("maco.parametrisation"),
            crops=built("sparks.visualization.named_crops", name="wide", count=1),
            steps=48,
            batch_size=32,
        ),
        description="how pictures of atoms are made, at `side` pixels",
    )
    side: Count = Field(128, description="side of these pictures, pixels")


class Covering(Block):
    """Effect on the logit of a class of covering the places that show one of its concepts."""

    classes: Annotated[Names, Field(min_length=1)] | None = Field(
        None, description="names of the classes; null for all"
    )
    concepts: Count = Field(10, description="of each class, the most important ones")
    measure: Instance = Field(
        built(
            "sparks.concepts.covering.Covering",
            covers={
                "mean colour": built("sparks.engine.perturbations.Baseline", value="mean"),
                # Nothing smaller than a cell is left.
                "blur": built("sparks.engine.perturbations.Blur", width=48),
            },
            quantile=0.9,
            cells=2,
            most=0.5,
            controls=8,
            engine=ENGINE,
            seed=SEED,
        ),
        description="the measurement",
    )
