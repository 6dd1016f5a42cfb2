"""Parts of a training step, of one network or of several side by side."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from sparks.data.labelled import Labelled
from sparks.errors import SparksError
from sparks.models.device import resolve_precision, to_device
from sparks.training.batches import augment, derive, epoch_batches
from sparks.training.losses import Loss
from sparks.training.settings import Settings, learning_rate


def training_mode(model: nn.Module) -> None:
    """Put a model into training mode, but for batch normalisation that is not trained.

    Where its parameters need no gradient, it keeps the statistics that it came with.
    """
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not _is_trained(module):
            module.eval()


def _is_trained(norm: _BatchNorm) -> bool:
    return norm.weight is None or norm.weight.requires_grad


def has_bounded_layers(model: nn.Module) -> bool:
    """Return whether weights of the model are functions of parameters, as 1-Lipschitz layers' are.

    Such a function takes the norm of a matrix, and divides by it.
    """
    return any(parametrize.is_parametrized(module) for module in model.modules())


def training_precision(model: nn.Module, settings: Settings, device: torch.device) -> str:
    """Return the precision in which a network is trained.

    "auto" is "bf16" on GPUs that have units for it. On a CPU it is "fp32" with and without such
    units, so that results do not depend on them: a step of a small network gains a third at most.
    Networks with 1-Lipschitz layers are always trained in "fp32": with norms that are rounded to
    bfloat16 their weights are not 1-Lipschitz, and training may diverge.

    Args:
        model: the network.
        settings: name the precision.
        device: where it is trained.
    """
    if has_bounded_layers(model):
        if settings.precision not in ("auto", "fp32"):
            warnings.warn(
                f"1-Lipschitz layers are trained in fp32, not in {settings.precision}: the norms "
                "of their weights need it",
                stacklevel=3,
            )
        return "fp32"
    if settings.precision == "auto" and device.type != "cuda":
        return "fp32"
    return resolve_precision(settings.precision, device)


def build_optimizer(
    model: nn.Module, settings: Settings, stacked: bool = False
) -> torch.optim.Optimizer:
    """Return AdamW or SGD, with decay of matrices and kernels only.

    Args:
        model: whose parameters are trained.
        settings: of the optimiser.
        stacked: whether the first axis of every parameter counts networks.
    """
    vector = 2 if stacked else 1
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {
            "params": [p for p in parameters if p.ndim > vector],
            "weight_decay": settings.weight_decay,
        },
        {"params": [p for p in parameters if p.ndim <= vector], "weight_decay": 0.0},
    ]
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=settings.lr)
    return torch.optim.SGD(
        groups, lr=settings.lr, momentum=settings.momentum, nesterov=settings.nesterov
    )


def batches(
    train: Labelled,
    settings: Settings,
    seed: int,
    epoch: int,
    device: torch.device,
    loss: Loss,
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Yield one epoch of augmented inputs (B, ...), labels (B,) and extra inputs of the loss.

    Order and augmentation follow from (seed, epoch).
    """
    generator = torch.Generator().manual_seed(derive(seed, epoch, 1))
    order = derive(seed, 0)
    for images, labels, chosen in epoch_batches(train, settings.batch_size, order, epoch):
        x, beside = augment_alike(images, loss.beside(train, chosen), settings, generator, device)
        yield x, to_device(labels, device), beside


def augment_alike(
    images: Tensor,
    beside: Tensor | None,
    settings: Settings,
    generator: torch.Generator,
    device: torch.device,
) -> tuple[Tensor, Tensor | None]:
    """Move inputs and their maps to the device, both mirrored, moved and cropped alike.

    Args:
        images: (B, C, H, W).
        beside: maps of the loss (B, K, H, W), or None.
        settings: of the augmentation.
        generator: of its random numbers.
        device: where they go.

    Raises:
        SparksError: when the maps are not as high and wide as the images.
    """
    if beside is not None and (len(beside), *beside.shape[2:]) != (len(images), *images.shape[2:]):
        raise SparksError(
            f"maps of shape {tuple(beside.shape)} do not fit inputs of shape "
            f"{tuple(images.shape)}: make them as high and wide as the images"
        )
    same = torch.Generator()
    same.set_state(generator.get_state())

    def augmented(tensor: Tensor, draws: torch.Generator) -> Tensor:
        moved = to_device(tensor, device)
        return augment(moved, settings.flip, settings.shift, draws, settings.crop_area)

    x = augmented(images, generator)
    return x, None if beside is None else augmented(beside, same)


def set_rate(optimizer: torch.optim.Optimizer, step: int, steps: int, settings: Settings) -> float:
    """Give the optimiser the learning rate of a step, counted from 0, out of `steps`."""
    rate = learning_rate(step, steps, settings)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def finite(loss: Tensor, name: str, epoch: int, step: int, rate: float) -> float:
    """Return the value of a loss, which must be finite.

    Raises:
        SparksError: when it is NaN or infinite; it names the loss, the epoch and the step.
    """
    value = float(loss.detach())
    if value - value != 0:  # NaN or infinite
        raise SparksError(
            f"{name} is {value} at epoch {epoch + 1}, step {step + 1} (learning rate {rate:.2g}):"
            " lower training.lr, or raise training.warmup; with training.precision=bf16 try fp32"
        )
    return value


@contextmanager
def dropout_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators that layers draw from, and restore them afterwards."""
    devices = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=devices),
        torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
    ):
        torch.manual_seed(seed)
        yield
