"""Settings of the studies of systems beside the thesis."""

from __future__ import annotations

from pydantic import Field

from sparks_thesis.common.settings import (
    SEED,
    Block,
    Built,
    Count,
    Counts,
    Images,
    Instance,
    Layers,
    Names,
    Training,
    built,
    refers,
)


class Shortcut(Block):
    """Do second-order explanations correct training images with a shortcut?"""

    layers: dict[str, str] = Field(
        # Early enough to see textures; chosen, with the method and the clusters, on 2,000 images
        # and networks of seed 0 by the share of background that is found, not by accuracy.
        {"convnet": "stages.0"},
        description="model: layer whose activations embed the cells; that of its concepts if not "
        "named",
    )
    training: Training = Field({}, description="where training differs from config/training")
    images: Count = Field(2000, description="training images, the first ones")
    draws: Count = Field(2, description="draws of random clusters")
    method: Instance = Field(
        built(
            "sparks.attribution.GradCAM",
            layer=refers("model.layer"),
            batch_size=refers("shared.gradient_batch"),
        ),
        description="explains the label of each training image",
    )
    second_order: Instance = Field(
        built("sparks.concepts.SecondOrder", cells=8, marked=8, clusters=50, seed=SEED),
        description="the clusters of the cells that maps mark",
    )


class GradientPaths(Block):
    """The paths of a network's gradients: their entropy, and where the heaviest begin."""

    images: Images = 32
    batch_size: Count = Field(8, description="images at a time: bounds memory")


class Circuits(Block):
    """The circuits of parts: whether they serve the part alone, and undo its attack."""

    layers: Layers = Field(
        {"convnet": ["stem.2", "stages.0", "stages.1"]},
        description="model: layers of the circuit, from input to output",
    )
    sizes: Counts = Field(
        [1, 2, 4, 8, 12],  # of 16, 16 and 32 channels
        description="channels of each layer in the circuit",
    )
    parts: Count = Field(5, description="deciding parts whose circuits are found, the first ones")
    draws: Count = Field(5, description="draws of random channels")
    images: Count = Field(400, description="test images, the first ones")
    reference: Count = Field(500, description="training images over which means are taken")


class Universal(Block):
    """One dictionary for several networks: what each one's codes say of the others."""

    layers: dict[str, str] = Field(
        refers("studies.fronts.layers"),
        description="model: layer whose activations are decomposed",
    )
    networks: list[Count] = Field(
        [4],
        description="seeds of the networks of the same kind that share the dictionary",
    )
    models: Names = Field(
        [],
        description="models of other kinds that share it, of the same seed; their layers have as "
        "many places, and stand in `layers`",
    )
    study: Instance = Field(
        built(
            "sparks_thesis.beyond.universal.UniversalStudy",
            # Twice as many concepts as the default network has channels there; active as in the
            # middle of fig-fronts, images and places as there.
            dictionary=built(
                "sparks.concepts.UniversalSAE", concepts=64, active=3, epochs=200, seed=SEED
            ),
            images=400,
            places=5,
            seed=SEED,
        ),
        description="the measurements",
    )


class Accentuation(Block):
    """Images changed a little towards a class, scored by the network and by others.

    The others are `shared.maco_evaluators`.
    """

    images: Images = Field(40, description="images changed, the first ones of those explained")
    steps: Count = Field(64, description="steps of the ascent")
    penalty: float = Field(
        1.0,
        description="of the distance to the image; 0 for none",
        ge=0,
    )
    crops: Built = Field(
        built("sparks.visualization.named_crops", name="wide", count=2),
        description="what the network sees in each step",
    )
