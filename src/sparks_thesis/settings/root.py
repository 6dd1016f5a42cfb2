"""Settings of the whole configuration: `Root` is what a composed tree must be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sparks_thesis.beyond.settings import (
    Accentuation,
    Circuits,
    GradientPaths,
    Shortcut,
    Universal,
)
from sparks_thesis.common.settings import (
    SEED,
    Block,
    Built,
    Count,
    Instance,
    Names,
    Pair,
    built,
    instance_of,
    refers,
)
from sparks_thesis.craft.settings import Craft
from sparks_thesis.eva.settings import Eva, EvaOptimal
from sparks_thesis.harmonization.settings import Alignment, People, Population
from sparks_thesis.holistic.settings import Fronts, Holistic
from sparks_thesis.human_study.settings import HumanStudy
from sparks_thesis.lens.settings import Atoms, Covering, Lens
from sparks_thesis.lipschitz.settings import Lipschitz, Snowflakes
from sparks_thesis.maco.settings import Maco
from sparks_thesis.settings.options import (
    Attribution,
    Bank,
    Claim,
    Dataset,
    Experiment,
    Item,
    Metric,
    Model,
    Text,
)
from sparks_thesis.sobol.settings import Budget, Functions, Samplers, Walkthrough
from sparks_thesis.stability.settings import Stability
from sparks_thesis.steering.settings import Linear
from sparks_thesis.utility.settings import Utility
from sparks_thesis.words.settings import Words


class Scale(Block):
    """The chosen scale, a file of config/scale that overrides any of the keys."""

    name: str = Field(description="name of the scale")


class Explain(Block):
    """The images and classes that are explained."""

    # The fewest with which a claim is judged (items.tab-claims.draw.images).
    n: Count = Field(
        50, description="images explained of a data set, the same number of each class"
    )
    target: Literal["predicted", "label"] = Field(
        refers("oc.select:dataset.target,predicted"),
        description="the class explained: the model's own (predicted) or the true one (label); a "
        "data set may say which",
    )
    shard: int | None = Field(
        None,
        description="images that a job explains, so that maps are the same as without; null: one "
        "job explains all (docs/cluster.md)",
        ge=16,
        multiple_of=16,
    )


class Concepts(Block):
    """The jobs of the chapters on concepts."""

    shard: Count | None = Field(
        None,
        description="classes that a job of concepts, craft, holistic and lens_atlas takes; null: "
        "one job takes all (docs/cluster.md)",
    )


class Shared(Block):
    """Values that several settings read."""

    datasets: Names = Field(
        ["chimera", "digits", "photographs"],
        description="data sets of the experiments models and sobol; NAME?: only where its files "
        "are on disk",
    )
    models: Names = Field(["convnet"], description="models of the same experiments")
    n_train: Count = Field(6000, description="images to train on, where the data set is generated")
    n_test: Count = Field(1000, description="images to test on, where the data set is generated")
    train_limit: Count | None = Field(
        6000,
        description="training images of data sets that are read from files, at most; null for all",
    )
    test_limit: Count | None = Field(1000, description="the same for test images")
    grid: Count = Field(8, description="cells a side of Sobol, LIME and KernelSHAP")
    resize: Literal["nearest", "bilinear", "bicubic", "bicubic-keys"] = Field(
        "bicubic",
        description="interpolation from cells of Occlusion, LIME, KernelSHAP, Sobol and HSIC to a "
        "map: bicubic has a = -3/4 (OpenCV's), bicubic-keys a = -1/2 (TensorFlow's). One for all, "
        "since a smooth map of the same values scores better",
    )
    gradient_samples: Count = Field(
        50, description="steps of IntegratedGradients, noisy copies of SmoothGrad and its like"
    )
    gradient_batch: Count = Field(64, description="inputs per backward pass: bounds memory")
    sobol_points: int = Field(
        32,
        description="N of the Sobol design, a power of two: N (grid² + 2) forward passes per image",
        ge=2,
    )
    rise_masks: Count = Field(4000, description="masks of RISE")
    lime_samples: Count = Field(500, description="masks of LIME")
    shap_samples: Count = Field(800, description="coalitions of KernelSHAP, at least 2 (grid² - 1)")
    hsic_masks: Count = Field(500, description="masks of HSIC")
    curve_steps: Count = Field(20, description="steps of the deletion and insertion curves")
    subsets: Count = Field(200, description="random subsets of MuFidelity")
    greedy_subsets: Count = Field(
        64, description="random subsets that a greedy search attacks in each of its 6 rounds"
    )
    align_epochs: Count = Field(
        15, description="passes over the training data of harmonized networks and their baselines"
    )
    concept_datasets: Names = Field(
        ["imagenette?", "chimera", "chimera_hard"],
        description="data sets of the experiments craft and holistic",
    )
    concept_models: Names = Field(
        ["efficientnet_lite0", "convnet"], description="models whose concepts are found"
    )
    concept_exclude: list[Pair] = Field(
        [
            Pair(dataset="imagenette", model="convnet"),
            Pair(dataset="chimera", model="efficientnet_lite0"),
            Pair(dataset="chimera_hard", model="efficientnet_lite0"),
        ],
        description="pairs of these that are left out",
    )
    concept_masks: Count = Field(
        500, description="masks of RISE, LIME, KernelSHAP and HSIC on concepts"
    )
    maco_steps: Count = Field(256, description="steps of a picture's ascent")
    maco_evaluators: list[Annotated[str, Field(pattern="^[a-z0-9_]+/[0-9]+$")]] = Field(
        ["convnet/1", "convnet_small/0"],
        description="models, NAME/SEED, that judge the pictures of others; the first one gives "
        "features",
    )


class Studies(Block):
    """Settings of the measurements of experiments besides scores."""

    budget: Budget = Budget()
    samplers: Samplers = Samplers()
    functions: Functions = Functions()
    walkthrough: Walkthrough = Walkthrough()
    stability: Stability = Stability()
    alignment: Alignment = Alignment()
    population: Population = Population()
    people: People = People()
    lipschitz: Lipschitz = Lipschitz()
    snowflakes: Snowflakes = Snowflakes()
    eva: Eva = Eva()
    eva_optimal: EvaOptimal = EvaOptimal()
    craft: Craft = Craft()
    holistic: Holistic = Holistic()
    fronts: Fronts = Fronts()
    linear: Linear = Linear()
    maco: Maco = Maco()
    lens: Lens = Lens()
    atoms: Atoms = Atoms()
    covering: Covering = Covering()
    utility: Utility = Utility()
    shortcut: Shortcut = Shortcut()
    gradient_paths: GradientPaths = GradientPaths()
    circuits: Circuits = Circuits()
    universal: Universal = Universal()
    accentuation: Accentuation = Accentuation()


Ascent = Annotated[Built, instance_of("sparks.visualization.Ascent")]
# Blocks of which config/ may have files: `study=mine`.
GROUPS = ("words", "study")


class Root(Block):
    """The whole configuration."""

    seed: int = Field(
        0,
        description="of everything random: data, initial weights, batches, designs, bootstrap",
        ge=0,
    )
    device: str = Field(
        "auto",
        description="auto (a GPU if there is one), cpu, cuda or cuda:N",
        pattern="^(auto|cpu|cuda(:[0-9]+)?)$",
    )
    data_dir: str = Field(
        "data", description="folder of the data sets that are downloaded or brought by the user"
    )
    explain: Explain = Explain()
    concepts: Concepts = Concepts()
    statistics: Instance = Field(
        built("sparks.stats.Bootstrap", level=0.95, resamples=2000, seed=SEED),
        description="intervals of all figures and tables",
    )
    shared: Shared = Shared()
    per_dataset: dict[str, dict[str, Any]] = Field(
        {},
        description="data set: keys as on this page, with the values that jobs on that data set "
        "take; `dataset` is the data set itself",
    )
    studies: Studies = Studies()
    words: Words = Words()
    study: HumanStudy = HumanStudy()
    label_noise: int = Field(
        0,
        description="share of wrong labels, in percent, when scripts/train_folds.py runs alone",
        ge=0,
        le=100,
    )
    layer: str | None = Field(
        refers("model.concept_layer"),
        description="layer of the model where scripts/concepts.py fits concepts when it runs alone",
    )
    families: dict[str, Metric] = Field(
        refers("families:"),
        description="no setting: the families of metrics that experiments score the selected "
        "method's maps by",
    )
    left_out: dict[str, Names] = Field(
        {},
        description="no setting: data sets NAME? that are not on disk, and the experiments that do "
        "without them",
    )

    # Groups of Hydra: each a file of the folder of that name.
    scale: Scale
    training: Annotated[Built, instance_of("sparks.training.Settings")] = Field(
        description="the training loop of every model"
    )
    engine: Annotated[Built, instance_of("sparks.engine.Engine")] = Field(
        description="batch size and precision of masked inputs"
    )
    maco: Ascent = Field(description="the ascent of pictures of features that are judged")
    drawing: Ascent = Field(
        description="the ascent of pictures that CRAFT and Lens show, a file of config/maco"
    )
    experiments: Annotated[dict[str, Experiment], Field(min_length=1)] = Field(
        description="the experiments that are run; chosen by experiment=[...]"
    )

    # Every option of a kind, and the selected one.
    datasets: dict[str, Dataset] = Field(description="every file of config/dataset")
    models: dict[str, Model] = Field(description="every file of config/model")
    banks: dict[str, Bank] = Field(description="every file of config/bank")
    attributions: dict[str, Attribution] = Field(description="every file of config/attribution")
    metrics: dict[str, Metric] = Field(description="every file of config/metric")
    texts: dict[str, Text] = Field(description="every file of config/text")
    items: dict[str, Item] = Field(description="every file of config/item")
    claims: dict[str, Claim] = Field(description="every file of config/claim")
    dataset: Dataset
    model: Model
    bank: Bank
    attribution: Attribution
    metric: Metric
    text: Text
    item: Item
    claim: Claim

    # Gathered from the options when the tree is composed.
    methods: dict[str, dict[str, Any]] = Field(
        description="no setting: look and family of each attribution method, by its label"
    )
    notes: dict[str, str] = Field(description="no setting: notes of data and text sets")
    origins: dict[str, Literal["real", "lossy", "synthetic"]] = Field(
        description="no setting: origins of data and text sets"
    )
