"""Kinds of option: the keys of a file of config/dataset, config/model and so on.

A file leaves out what has a default here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sparks_thesis.common.settings import (
    LEFT_OUT,
    Block,
    Built,
    Count,
    Names,
    Training,
    instance_of,
)

Name = Annotated[
    str, Field(description="name of the option, that of its file", pattern="^[A-Za-z0-9_-]+$")
]
Origin = Annotated[
    Literal["real", "lossy", "synthetic"],
    Field(
        description="nature of the data, on which the weight of findings depends: real (if not "
        "given), real but recompressed with losses, or synthetic with known truth"
    ),
]
Folder = Annotated[
    str,
    Field(
        description="folder of its files, for data and text sets that take part only where they "
        "are on disk (NAME? in a list)"
    ),
]
Note = Annotated[
    str,
    Field(description="sentence in the captions of figures and tables of its numbers"),
]


class Dataset(Block):
    """A data set of images."""

    name: Name
    channels: Literal[1, 3] = Field(description="colour channels of its images")
    size: Count = Field(description="side of its images in pixels")
    num_classes: Count | None = Field(
        description="number of classes; null for as many as its folder has"
    )
    imagenet_classes: list[Annotated[int, Field(ge=0, le=999)]] = Field(
        LEFT_OUT,
        description="the number of each class among ImageNet's 1,000, where it is one of them",
    )
    pretrained: str = Field(
        LEFT_OUT,
        description="where nothing can be trained on it: the model that takes the place of those "
        "that would have to be",
    )
    has_parts: bool = Field(
        False, description="whether it knows where each image shows what decides its class"
    )
    origin: Origin = LEFT_OUT
    target: Literal["predicted", "label"] = Field(
        LEFT_OUT, description="the class explained, where it is not the model's own"
    )
    download: bool = Field(False, description="whether the workflow can download it")
    training: Training = Field(
        LEFT_OUT,
        description="where training on it differs from config/training, for models that take it "
        "from here",
    )
    folder: Folder = LEFT_OUT
    labelled: bool = Field(
        LEFT_OUT,
        description="whether it says what its images show; where not, no accuracy is measured",
    )
    note: Note = LEFT_OUT
    builder: Built = Field(description="the object that makes the splits")


class Model(Block):
    """A network."""

    name: Name
    kind: Literal["conv", "smooth", "dense", "transformer"] = Field(
        description="decides which methods can explain it: conv and smooth have maps of features, "
        "dense and transformer have none; smooth and transformer have activations other than ReLU"
    )
    layer: str | None = Field(
        description="last layer with maps of features (N, C, H, W), for CAM methods; null if none"
    )
    concept_layer: str | None = Field(
        description="layer whose concepts are found, with maps of features, tokens or vectors"
    )
    head: str | Annotated[Names, Field(min_length=1)] | None = Field(
        description="affine layer whose outputs are the logits, or several whose mean they are"
    )
    classifier: Built = Field(
        description="images in [0, 1] → logits: a network, and how its images are normalised"
    )
    weights: str | None = Field(
        None,
        description="a checkpoint to use instead of training, or `included` where the network "
        "comes with its weights",
    )
    training: Training = Field(
        {}, description="where the training of this model differs from config/training"
    )
    loss: Built = Field(
        LEFT_OUT, description="the loss that its training minimises; cross-entropy if not given"
    )


class Bank(Block):
    """Concepts of each class."""

    name: Name
    extractor: Annotated[Built, instance_of("sparks.concepts.Extractor")] = Field(
        description="the fit of the concepts of a class"
    )


class Attribution(Block):
    """An attribution method."""

    name: Name
    label: str = Field(description="name in figures and tables")
    family: Literal["gradient", "cam", "black-box", "verified", "concepts", "control"] = Field(
        description="kind of method"
    )
    needs: Literal["any", "conv", "relu"] = Field(
        "any",
        description="kind of model it can explain: any; conv: with maps of features; relu: with "
        "ReLU layers",
    )
    colour: str = Field(
        LEFT_OUT,
        description="in figures, #rrggbb; a free one if not given",
        pattern="^#[0-9A-Fa-f]{6}$",
    )
    marker: str = Field(
        LEFT_OUT, description="in figures, one of matplotlib's; a free one if not given"
    )
    place: float = Field(LEFT_OUT, description="in every order of methods; at the end if not given")
    join: Literal["all"] | Names = Field(
        LEFT_OUT,
        description="lists of methods that it joins without being named there: all, or some of "
        "them by what they stand in (experiments.sobol, studies.eva, words)",
    )
    method: Built = Field(description="the method: (model, x, target) → maps")


class Metric(Block):
    """A family of metrics, scored in one job."""

    name: Name
    needs_model: bool = Field(True, description="whether it asks the model")
    needs_truth: bool = Field(
        False, description="whether it needs to know where the diagnostic parts are"
    )
    needs_method: bool = Field(False, description="whether it explains again")
    images: Count | None = Field(
        None, description="how many of the explained images it scores; null for all"
    )
    metrics: Annotated[dict[str, Built], Field(min_length=1)] = Field(description="label: metric")


class Text(Block):
    """A data set of texts."""

    name: Name
    vocabulary: int = Field(description="words known to the model, at most", ge=3)
    num_classes: int = Field(description="number of classes", ge=2)
    origin: Origin = LEFT_OUT
    folder: Folder = LEFT_OUT
    note: Note = LEFT_OUT
    builder: Built = Field(description="the object that makes the splits")


class Item(Block):
    """A figure or table."""

    name: Name
    kind: Literal["figure", "table"] = Field(description="figure or table")
    title: str = Field(description="its title in the report")
    chapter: str = Field(description="the part of the thesis it belongs to")
    paper: str = Field(description="the papers, and their figures or tables, that it stands for")
    experiments: Literal["all"] | Names = Field(
        description="experiments whose results it shows: names, or all that are run"
    )
    reads: list[
        Literal[
            "scores",
            "images",
            "maps",
            "craft_pictures",
            "history",
            "time",
            "cost",
            "budget",
            "budget_cost",
            "samplers",
            "walkthrough",
            "eva_cost",
            "eva_maps",
            "alignment_maps",
            "people_maps",
            "lipschitz_maps",
            "snowflakes",
            "maco_pictures",
            "shortcut_pictures",
            "gradient_paths_maps",
            "accentuation_pictures",
            "study",
        ]
    ] = Field(description="kinds of artifacts it is drawn from")
    metrics: Names = Field(
        LEFT_OUT,
        description="families of metrics that it shows; left out where none of them scores a map",
    )
    studies: Names = Field(
        LEFT_OUT, description="studies that it shows; left out where none of them is made"
    )
    parts: bool = Field(
        LEFT_OUT,
        description="whether it compares with known parts; left out where no data set has them",
    )
    published: Names = Field(
        [], description="papers' tables it compares with: files of config/published"
    )
    draw: Built = Field(description="the object that draws it")


class Claim(Block):
    """A claim of the papers, and its judge."""

    name: Name
    number: Count = Field(description="its place in the list of claims")
    paper: str = Field(description="where it is made")
    statement: str = Field(description="the claim")
    criterion: str = Field(description="when it counts as replicated")
    published: str = Field(description="the published number or statement")
    experiments: Names = Field(description="experiments whose scores it is judged on")
    people: Literal["simulated", "data", "published"] = Field(
        LEFT_OUT,
        description="people whose answers or marks it is about: simulated; data (with the data "
        "set, simulated on synthetic data); published (numbers of the papers alone)",
    )
    scale: str = Field(
        LEFT_OUT,
        description="scale that runs it, for the command in its row; workstation if not given",
    )
    control: Built = Field(
        LEFT_OUT, description="whether the assay works: tidy scores → (passed, sentence)"
    )
    check: Built = Field(description="the judge: tidy scores → verdict")
    arithmetic: Built = Field(
        LEFT_OUT, description="a judge of the papers' own numbers, for a row beside the others"
    )


class Exclusion(Block):
    """Jobs that an experiment leaves out: those that have all that is named.

    A list names several at once: a job that has one of them has what is named.
    """

    dataset: str | Names = Field(LEFT_OUT, description="file of config/dataset")
    model: str | Names = Field(LEFT_OUT, description="file of config/model")
    seed: int | list[int] = Field(LEFT_OUT, description="seed of the training")
    method: str | Names = Field(LEFT_OUT, description="file of config/attribution")
    study: str | Names = Field(LEFT_OUT, description="name of a study")
    metric: str | Names = Field(LEFT_OUT, description="file of config/metric")


Study = Literal[
    "indices",
    "budget",
    "samplers",
    "map_distances",
    "alignment",
    "population",
    "people",
    "lipschitz",
    "snowflakes",
    "eva",
    "eva_optimal",
    "craft",
    "holistic",
    "fronts",
    "linear",
    "lens",
    "covering",
    "maco",
    "walkthrough",
    "utility",
    "utility_published",
    "shortcut",
    "gradient_paths",
    "circuits",
    "universal",
    "accentuation",
]


class Experiment(Block):
    """A chapter: data sets × models × methods × metrics, and the figures and tables of them."""

    title: str = Field(description="its title in the report")
    datasets: Names = Field(description="data sets; NAME?: only where its files are on disk")
    models: Names = Field(description="models trained on each")
    texts: Names = Field(
        description="text sets, each with the classifier, methods and metrics of `words`"
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        description="seeds of the trainings: one trained model, or set of folds, each"
    )
    methods: Names = Field(description="attribution methods run on each model")
    metrics: Names = Field(description="families of metrics that score their maps")
    exclude: list[Exclusion] = Field(description="jobs to leave out, by what they have")
    folds: bool = Field(
        LEFT_OUT,
        description="whether models are trained once a fold (studies.stability) instead of once",
    )
    studies: dict[Study, Names] = Field(description="study: data sets on which it is made")
    items: Names = Field(description="figures and tables to render")


# Groups whose options are all in the tree, under the plural of the group's name.
OPTIONS: dict[str, type[Block]] = {
    "dataset": Dataset,
    "model": Model,
    "bank": Bank,
    "attribution": Attribution,
    "metric": Metric,
    "text": Text,
    "item": Item,
    "claim": Claim,
}
