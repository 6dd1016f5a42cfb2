"""Interpretation of a model's output and of the class to explain, decided here for all callers.

Methods, metrics and training ask these functions, so that the same model and the same target mean
the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Proxy

from sparks.errors import SparksError


def logits_of(output: Any) -> Any:
    """Return the one tensor of logits (or scores) in what a model returned.

    A tensor is itself; of a dictionary or an object with `logits` (transformers, torchvision's
    Inception and GoogLeNet) it is these; of anything that holds one tensor alone it is that tensor.
    While torch.fx traces, its proxies stand for tensors.

    Raises:
        SparksError: where several tensors, or none, could be meant.
    """
    if isinstance(output, Tensor | Proxy):
        return output
    if isinstance(output, Mapping):
        named, held = output.get("logits"), list(output.values())
    else:
        named = getattr(output, "logits", None)
        held = list(output) if isinstance(output, Sequence) else []
    if isinstance(named, Tensor | Proxy):
        return named
    tensors = [item for item in held if isinstance(item, Tensor | Proxy)]
    if len(tensors) == 1:
        return tensors[0]
    raise SparksError(
        f"the model returns a {type(output).__name__} of {len(tensors)} tensors, none of them "
        "called logits: wrap it in a module that returns the logits alone"
    )


def scores_of(output: Any) -> Tensor:
    """Convert a model's output to logits (b, classes), or to one score an input (b, 1).

    Raises:
        SparksError: where that is neither (b, classes), nor (b, 1), nor (b,).
    """
    found: Tensor = logits_of(output)
    if found.ndim == 1:
        return found[:, None]
    if found.ndim != 2 or found.shape[1] == 0:
        raise SparksError(
            f"the model returns a tensor of shape {tuple(found.shape)}: logits are (N, classes), "
            "single scores (N,) or (N, 1)"
        )
    return found


def class_logits(output: Any) -> Tensor:
    """Return logits (b, classes) of two classes or more, as training and accuracy need them.

    Raises:
        SparksError: where the model has fewer outputs.
    """
    found = scores_of(output)
    if found.shape[1] < 2:
        raise SparksError(
            "the model returns one number per input, which has no class to be right or wrong "
            "about: give it an output for each class (two for a binary question)"
        )
    return found


def classes_of(target: Any, n: int) -> Tensor | None:
    """Return the class to explain of each of `n` inputs, int64 (n,), or None.

    Args:
        target: an int, the same for all; a list, array or integer tensor with one for each, (n,)
            or (n, 1); one-hot rows (n, classes); None for a model that returns one score.
        n: number of inputs.

    Raises:
        SparksError: where it is none of these, has another length, or a negative class.
    """
    if target is None:
        return None
    try:
        found = torch.as_tensor(target)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SparksError(f"target {target!r} holds no class numbers ({error})") from error
    if found.ndim == 2 and found.shape[1] > 1:
        if not bool(((found == 0) | (found == 1)).all() & (found.sum(1) == 1).all()):
            raise SparksError(
                f"targets of shape {tuple(found.shape)} are not one-hot: give one class an input"
            )
        found = found.to(torch.uint8).argmax(1)
    if found.is_floating_point() or found.is_complex() or found.dtype == torch.bool:
        raise SparksError(f"targets are {found.dtype}: give the numbers of classes, as integers")
    found = found.long().expand(n) if found.ndim == 0 else found.long()
    found = found[:, 0] if found.ndim == 2 else found
    if found.shape != (n,):
        raise SparksError(f"{n} inputs but targets of shape {tuple(found.shape)}: give one each")
    if n and int(found.min()) < 0:
        raise SparksError(f"target {int(found.min())} is no class: classes count from 0")
    return found


def check_classes(scores: Tensor, largest: int | None) -> None:
    """Refuse a target class that a model with outputs (b, classes) does not have.

    Args:
        scores: what `scores_of` returned.
        largest: the largest class asked for; None where no class is named.
    """
    classes = scores.shape[1]
    if largest is None:
        if classes > 1:
            raise SparksError(
                f"the model has {classes} outputs: name the class to explain of each input"
            )
    elif largest >= classes:
        more = ", a single score, which is class 0" if classes == 1 else f", 0 to {classes - 1}"
        raise SparksError(f"class {largest} does not exist: the model has {classes} outputs{more}")


def adversarial_margin(logits: Tensor, target: Tensor, toward: Tensor | None = None) -> Tensor:
    """Return by how much another class exceeds the target: above 0, the class has changed.

    Args:
        logits: (b, classes), or (b, 1): the one score is that of class 1, and above 0 it is chosen.
        target: the class of each input, int64 (b,).
        toward: the other class of each, (b,); the best of the others if not given.

    Returns:
        (b,), the logit of the other class minus that of the target; of one score, ± that score.
    """
    if logits.shape[1] == 1:
        return (1 - 2 * target).to(logits) * logits[:, 0]
    own = logits.gather(1, target[:, None])
    if toward is not None:
        return (logits.gather(1, toward[:, None]) - own)[:, 0]
    others = logits.scatter(1, target[:, None], -torch.inf)
    return (others - own).amax(1)
