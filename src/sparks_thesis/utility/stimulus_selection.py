"""The images of a study: which ones are explained, and about which ones is asked.

A scenario is one decision of a model between two classes, as in the paper. As there, half of the
images are ones on which the model is wrong, where there are enough: else who knows the classes
would predict the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from sparks.errors import SparksError


@dataclass(frozen=True)
class Stimuli:
    """Images of two classes, by index into the test images.

    Attributes:
        explained: those from which examples are drawn.
        asked: others, from which questions are drawn.
        outputs: the model's decision on every test image, 0 for the first class, 1 for the second.
        wrong: share of explained and asked images on which the model is wrong.
    """

    explained: list[int]
    asked: list[int]
    outputs: Tensor
    wrong: float


def select_stimuli(
    logits: Tensor,
    labels: Tensor,
    classes: Sequence[int],
    explained: int,
    asked: int,
    balanced: bool = True,
    seed: int = 0,
) -> Stimuli:
    """Choose the images of a scenario.

    Args:
        logits: of the model on the test images (N, all classes).
        labels: true classes (N,).
        classes: the two classes; the model decides for the one with the larger logit.
        explained: how many images are explained, at most.
        asked: how many are asked about, at most.
        balanced: whether as many are right as wrong, for either decision. Where the model never
            errs for one of them, all are taken as they come.
        seed: of the choice.

    Raises:
        SparksError: when `classes` are not two, or have fewer than two images.
    """
    if len(classes) != 2 or len(set(classes)) != 2 or max(classes) >= logits.shape[1]:
        raise SparksError(
            f"utility: classes is {list(classes)}: name two of the {logits.shape[1]} classes"
        )
    first, second = classes
    outputs = (logits[:, second] > logits[:, first]).long()
    truth = (labels == second).long()
    of_classes = ((labels == first) | (labels == second)).numpy()
    cell = np.where(of_classes, (2 * outputs + (outputs == truth)).numpy(), -1)
    rng = np.random.default_rng(seed)
    strata = [rng.permutation(np.flatnonzero(cell == which)) for which in range(4)]
    least = min(len(members) for members in strata)
    if balanced and least > 0:
        chosen = [members[:least] for members in strata]
    else:
        chosen = [rng.permutation(np.concatenate(strata))]
    if sum(map(len, chosen)) < 2:
        raise SparksError(f"utility: classes {list(classes)} have no test images to show")
    parts = len(chosen)
    known = [members[: min((len(members) + 1) // 2, -(-explained // parts))] for members in chosen]
    left = [members[len(k) :] for members, k in zip(chosen, known, strict=True)]
    rest = [members[: -(-asked // parts)] for members in left]
    shown, questions = (np.sort(np.concatenate(part)).tolist() for part in (known, rest))
    both = [*shown, *questions]
    wrong = float((outputs[both] != truth[both]).double().mean())
    return Stimuli(shown, questions, outputs, wrong)
