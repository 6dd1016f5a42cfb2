"""Settings of EVA (fel2023eva)."""

from __future__ import annotations

from typing import Annotated, Any

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
    Positive,
    built,
    methods_of,
    refers,
)

Radius = Annotated[float, Field(gt=0, le=1)]


def _noise(seed: Any) -> Any:
    """Return a removal of pixels by uniform noise."""
    return built("sparks.engine.Uniform", low=0.0, high=1.0, seed=seed)


def _attack(steps: int) -> Any:
    return built("sparks.verification.Attack", steps=steps, clip=True, batch_size=512)


def _curve(metric: str, perturbation: Any) -> Any:
    return built(
        metric,
        steps=refers("shared.curve_steps"),
        perturbation=perturbation,
        output="probability",
        engine=ENGINE,
        seed=SEED,
    )


class Stronger(Block):
    """Robustness-Sr by an attack with more steps, on some images: is the order the same?"""

    steps: Count = Field(50, description="steps of gradient ascent")
    images: Count = Field(refers("studies.eva.large_images"), description="how many, the first")


class Verified(Block):
    """Bounds of networks that are verified from their input."""

    radii: list[Radius] = Field(
        [0.005, 0.01, 0.02, 0.05, 0.1],
        description="radii of the balls of certificates, for images in [0, 1]",
        min_length=1,
    )
    attack: Instance = Field(
        _attack(50), description="the attack that looks for what bounds exclude"
    )
    samples: Count = Field(200, description="inputs drawn of each ball")


class Detailed(Block):
    """Questions asked of some networks alone: maps by bound, targeted, and explored in a slice."""

    models: Names = Field(["mlp"], description="networks, files of config/model")
    explored: Radius = Field(0.1, description="radius of the ball that is explored")
    toward: Radius = Field(0.2, description="radius of targeted maps: ink that is added or removed")


class Eva(Block):
    """Every method of "Don't Lie to Me!" on one network, what its bounds prove, and their cost."""

    images: Count = Field(
        50, description="explained of data sets with small images (up to 32 pixels a side)"
    )
    large_images: Count = Field(8, description="explained of the others")
    variants: dict[str, str] = Field(
        {"mlp": "eva", "convnet_small": "eva_conv"},
        description="network that EVA verifies from its input: file of config/attribution",
    )
    method: str = Field(
        refers("oc.select:studies.eva.variants.${model.name},eva_hybrid"),
        description="EVA for the selected network",
    )
    layers: dict[str, str] = Field(
        {
            "convnet": "stages.0",
            "vgg16": "classifier.4",  # the second layer of 4096 units, as in the paper
        },
        description="network: where the hybrid begins, if not at the last layer with maps",
    )
    methods: Names = Field(
        [
            *("saliency", "gradient_input", "smoothgrad", "vargrad", "integrated_gradients"),
            *("occlusion", "gradcam", "gradcam_pp", "rise", "greedy_as", "greedy_ao", "random"),
        ],
        description="methods that EVA is compared with, besides its ablations: the paper's",
    )
    # Rivals that remove pixels do so as the metrics do (by other draws): with black pixels they
    # would explain another question. Occlusion is drawn as EVA is. In a round of the greedy
    # searches, as many values as there are subsets (64) fit one coefficient a cell: 36 cells, since
    # the fit of 144 would be noise.
    changes: Changes = Field(
        {
            "occlusion": {"perturbation": _noise(1000), "resize": "nearest"},
            "rise": {"perturbation": _noise(1000)},
            "greedy_as": {"grid": 6, "epsilon": 0.5, "bisections": 6},
            "greedy_ao": {"grid": 6},
            "eva_hybrid": {
                "layer": refers("oc.select:studies.eva.layers.${model.name},${model.layer}")
            },
        }
    )
    explainers: Explainers = methods_of("studies.eva.methods")
    own: Explainers = methods_of("studies.eva.method")
    # With the random baseline of Hsieh et al. 2021.
    metrics: dict[str, Built] = Field(
        {
            "deletion": _curve("sparks.metrics.Deletion", _noise(SEED)),
            "insertion": _curve(
                "sparks.metrics.Insertion", refers("studies.eva.metrics.deletion.perturbation")
            ),
            "mufidelity": built(
                "sparks.metrics.MuFidelity",
                subsets=refers("shared.subsets"),
                share=0.2,
                grid=9,
                correlation="spearman",
                perturbation=refers("studies.eva.metrics.deletion.perturbation"),
                output="logit",
                engine=ENGINE,
                seed=SEED,
            ),
        },
        description="metrics that score the maps",
    )
    removals: dict[str, Built] = Field(
        {"black": built("sparks.engine.Baseline", value=0.0)},
        description="other meanings of removing a pixel, under which metrics and black-box methods "
        "are shown as well",
    )
    robustness: Instance = Field(
        built(
            "sparks.metrics.RobustnessSr",
            shares=[0.1, 0.2, 0.4],
            largest=0.5,
            bisections=6,  # steps of 1/128. With 5 of 0 … 1 most values of good maps were ties
            attack=_attack(10),
            seed=SEED,
        ),
        description="Robustness-Sr",
    )
    stronger: Stronger = Stronger()
    verified: Verified = Verified()
    detailed: Detailed = Detailed()


class EvaOptimal(Block):
    """EVA's order of the inputs of tiny networks against the best subset of each size."""

    networks: Count = Field(20, description="networks of each kind")
    inputs: int = Field(4, description="inputs of each network", ge=2, le=6)
    hidden: Count = Field(6, description="units of those that are not linear")
    epsilon: Positive = Field(0.3, description="radius")
    cuts: Count = Field(6, description="cuts of each input, for overlaps as good as exact")
