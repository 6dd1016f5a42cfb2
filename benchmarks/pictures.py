"""Pictures of logits against the bare passes of their crops, forwards and backwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.timing import bare_passes, ratio
from sparks.models import Classifier, ResNet18, seeded
from sparks.visualization import (
    MACO,
    Ascent,
    Fourier,
    image_statistics,
    logits,
    named_crops,
)
from sparks.visualization.parametrisation import Parametrisation

PICTURES, BATCH = 10, 128


@dataclass(frozen=True)
class Case:
    """What is timed: a method, how many crops and steps, and how large the canvas is."""

    label: str
    network: str
    crops: int
    steps: int
    canvas: int = 64
    law: str = "paper"
    parametrisation: Parametrisation = field(default_factory=MACO)


CASES = (
    Case("MACO", "convnet", 6, 8),
    Case("MACO", "convnet", 32, 3),
    Case("MACO", "convnet", 6, 8, canvas=128),
    Case("Fourier", "convnet", 6, 8, law="olah", parametrisation=Fourier()),
    Case("MACO", "ResNet18, 26 filters", 6, 1),
    Case("MACO", "ResNet18, 26 filters", 6, 1, canvas=128),
)


def measure(convnet: nn.Module, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each case: ten pictures together.

    The bare passes have our batches: the steps of an ascent wait for each other, so no batch is
    larger than the crops of one.

    Args:
        convnet: the default network for 64 × 64 RGB, in evaluation mode.
        repeats: pairs per ratio.
    """
    device = next(convnet.parameters()).device
    with seeded(0):
        resnet = Classifier(ResNet18(3, 10, 26)).to(device).eval()
    networks = {"convnet": convnet, "ResNet18, 26 filters": resnet}
    images = torch.rand(64, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    statistics = image_statistics(lambda: [images])
    for case in CASES:
        ascent = Ascent(
            parametrisation=case.parametrisation,
            crops=named_crops(case.law, case.crops),
            steps=case.steps,
            batch_size=BATCH,
        )
        network = networks[case.network]
        canvas = statistics.resized((case.canvas, case.canvas))
        make = partial(ascent, logits(network, range(PICTURES)), canvas, (64, 64))
        passes = PICTURES * case.steps * case.crops
        size = min(BATCH // PICTURES, case.crops) * PICTURES
        floor = bare_passes(network, images[:1].to(device), 0, passes, size)
        work = f"{case.network}, canvas {case.canvas}, {case.crops} crops a step"
        measured = asdict(ratio(make, floor, repeats))
        yield {
            "measure": "time of pictures / bare passes", "what": case.label, "work": work
        } | measured  # fmt: skip
