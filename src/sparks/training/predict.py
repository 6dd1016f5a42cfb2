"""Logits and accuracy of a model over a whole set of images, batch after batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparks.data.labelled import Labelled
from sparks.engine.inference import evaluating
from sparks.engine.outputs import class_logits
from sparks.models.device import autocast, resolve_device, to_device


def predict(
    model: nn.Module,
    images: Labelled | Tensor,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
) -> Tensor:
    """Return the logits of all images, float32 (N, classes), on the CPU.

    Args:
        model: moved to `device`.
        images: a set of images or texts, or a tensor of a model's inputs (N, ...).
        batch_size: images at a time; bounds the memory, not the result.
        device: as in `resolve_device`.
        precision: one of `sparks.models.device.PRECISIONS`.

    Raises:
        SparksError: when the device is not there or the images do not fit the model.

    Example:
        >>> logits = predict(model, images, batch_size=10)
        >>> logits.shape, torch.allclose(logits, model(images.batch(slice(None))), atol=1e-5)
        (torch.Size([16, 2]), True)
    """
    device = resolve_device(device)
    if isinstance(images, Tensor):
        batches = iter(torch.split(images, batch_size))
    else:
        batches = (batch for batch, _ in images.batches(batch_size))
    with evaluating(model.to(device)), torch.inference_mode(), autocast(precision, device):
        logits = [class_logits(model(to_device(batch, device))).float().cpu() for batch in batches]
    return torch.cat(logits)


def score(
    model: nn.Module,
    images: Labelled,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
) -> tuple[float, float]:
    """Return the accuracy in [0, 1] and the mean cross-entropy of a model on a labelled set.

    Args:
        model: moved to `device`.
        images: a set of images or texts with labels.
        batch_size: images at a time; bounds the memory, not the result.
        device: as in `resolve_device`.
        precision: one of `sparks.models.device.PRECISIONS`.

    Raises:
        SparksError: when the device is not there or the images do not fit the model.

    Example:
        A model that says the same of every image is right on one class, and its cross-entropy with
        equal logits is log 2.

        >>> model[1].weight.data, model[1].bias.data = torch.zeros(2, 4), torch.zeros(2)
        >>> correct, cross_entropy = score(model, images)
        >>> correct, round(cross_entropy, 3)
        (0.5, 0.693)
    """
    logits = predict(model, images, batch_size, device, precision)
    correct = (logits.argmax(1) == images.labels).double().mean()
    return float(correct), float(F.cross_entropy(logits.double(), images.labels))


def accuracy(
    model: nn.Module,
    images: Labelled,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
) -> float:
    """Return the share of images whose largest logit is that of their label, in [0, 1].

    Args:
        model: moved to `device`.
        images: a set of images or texts with labels.
        batch_size: images at a time; bounds the memory, not the result.
        device: as in `resolve_device`.
        precision: one of `sparks.models.device.PRECISIONS`.

    Raises:
        SparksError: when the device is not there or the images do not fit the model.

    Example:
        The second logit is the brightness, the first is 1/2.

        >>> model[1].weight.data = torch.tensor([[0.0] * 4, [0.25] * 4])
        >>> model[1].bias.data = torch.tensor([0.5, 0.0])
        >>> accuracy(model, images)
        1.0
    """
    return score(model, images, batch_size, device, precision)[0]
