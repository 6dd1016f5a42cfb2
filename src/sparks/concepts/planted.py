"""Galleries whose answer is known: what a simulated observer must be able to see.

Every picture of a concept gets a patch of the concept's own texture, at some opacity. At opacity 0
nothing tells the concepts apart and an observer is at chance; at 1 the patch hides a quarter of the
picture. The share of right answers between these ends is the observer's psychometric curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sparks.concepts.observer import forced_choice, intruder
from sparks.errors import SparksError

OPACITIES = (0.0, 0.125, 0.25, 0.5, 1.0)
CONCEPTS = 4  # textures; each in turn is the concept, and the others are foreign
WAVES = 4  # of a texture across a patch
# Images: a choice shows four pictures of half a gallery, beside the one asked about.
LEAST = 10 * CONCEPTS


def texture(concept: int, channels: int, size: tuple[int, int], concepts: int = CONCEPTS) -> Tensor:
    """Return the texture of a concept: a grating (channels, H, W) in [0, 1].

    Concepts differ in the direction of the grating, and in its colour where there are channels.
    """
    height, width = size
    rows, columns = torch.meshgrid(
        torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij"
    )
    angle = math.pi * concept / concepts
    wave = torch.sin(2 * math.pi * WAVES * (rows * math.sin(angle) + columns * math.cos(angle)))
    turn = 2 * math.pi * (concept / concepts + torch.arange(channels) / max(1, channels))
    colour = 0.5 + 0.5 * torch.cos(turn) if channels > 1 else torch.ones(1)
    return colour[:, None, None] * (0.5 + 0.5 * wave)


def with_patch(images: Tensor, concept: int, opacity: float, generator: torch.Generator) -> Tensor:
    """Return images (N, C, H, W) with a patch of a concept's texture, half their side, at random.

    Args:
        images: in [0, 1].
        concept: whose texture.
        opacity: 0 leaves the images as they are, 1 hides what is under the patch.
        generator: of the places.

    Raises:
        SparksError: for an opacity outside [0, 1].
    """
    if not 0 <= opacity <= 1:
        raise SparksError(f"opacity {opacity} of a patch must lie in [0, 1]")
    height, width = images.shape[2] // 2, images.shape[3] // 2
    patch = texture(concept, images.shape[1], (height, width))
    out = images.clone()
    for image in out:
        row = int(torch.randint(image.shape[1] - height + 1, (), generator=generator))
        column = int(torch.randint(image.shape[2] - width + 1, (), generator=generator))
        there = image[:, row : row + height, column : column + width]
        there.lerp_(patch.to(there), opacity)
    return out


def galleries(images: Tensor, opacity: float, seed: int) -> list[Tensor]:
    """Return the pictures of each concept, (n, C, H, W); no image serves two concepts.

    Args:
        images: any pictures (N, C, H, W) of the kind that an observer is asked about.
        opacity: of the patches.
        seed: of images and places.

    Raises:
        SparksError: for too few images.
    """
    if len(images) < LEAST:
        raise SparksError(f"{len(images)} images for {CONCEPTS} galleries: give {LEAST} or more")
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    return [
        with_patch(images[part], concept, opacity, generator)
        for concept, part in enumerate(order.tensor_split(CONCEPTS))
    ]


def intruder_answers(groups: Sequence[Tensor], trials: int, seed: int) -> Tensor:
    """Ask for the intruder among pictures of each concept: see `sparks.concepts.observer.intruder`.

    Args:
        groups: embeddings (n, D) of the pictures of each concept; intruders are those of others.
        trials: for each concept.
        seed: of the pictures that are shown.
    """
    foreign = [
        torch.cat([group for other, group in enumerate(groups) if other != own])
        for own in range(len(groups))
    ]
    return intruder(groups, foreign, trials, seed)


def choice_answers(groups: Sequence[Tensor], trials: int, seed: int) -> Tensor:
    """Ask whether a picture belongs to its concept or to a mixture of all concepts.

    A concept stands for a sub-concept, and the mixture for the concept that it is part of. Half of
    the concept's pictures are in the mixture, and the other half are asked about.
    """
    pairs = []
    for own, group in enumerate(groups):
        asked, rest = group.tensor_split(2)
        others = [other for place, other in enumerate(groups) if place != own]
        pairs.append((asked, torch.cat([rest, *others])))
    return forced_choice(pairs, trials, seed)
